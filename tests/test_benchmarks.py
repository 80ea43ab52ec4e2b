"""Each benchmark runs, in its shortest form, and prints the keys that it promises."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks import charts, peers, report, stats

CRASH_RECOVERY = {
    "recover_ms_p50",
    "recover_ms_p99",
    "recover_over_floor",
    "floor_ms_p50",
    "storm50_ms",
    "storm50_spare_each_ms",
    "gil1_ms_p50",
    "gil4_ms_p50",
}
MESSAGING = {
    "ask_us_p50",
    "pykka_ask_us_p50",
    "raw_us_p50",
    "ask_over_raw",
    "tell_per_s",
    "raw_tell_per_s",
    "tell_over_raw",
}
SCALE = {"start_5_s", "pss_mb_all_5", "uss_mb_each_5", "restart_ms_5", "wakeups_per_s_5"}


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("crash_recovery", CRASH_RECOVERY),
        ("messaging", MESSAGING),
        ("scale", SCALE),
        ("investigation", {"step_overhead_ms_p50", "twelve_runs_s", "tree_pss_mb", "tree_pss_no_sdk_mb"}),
        ("telemetry", {"execute_no_handler_ns", "execute_one_handler_ns", "cross_process_event_us"}),
    ],
)
def test_it_runs_and_prints_its_figures_last(name: str, keys: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main([name, "--smoke", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert keys <= figures.keys()
    assert all(figures[key] >= 0 for key in keys)
    if name == "crash_recovery":
        assert (figures["lost_children"], figures["orphans"], figures["fd_growth"]) == (0, 0, 0)


def test_a_name_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        program.main(["crash"])
    assert "crash" in capsys.readouterr().err


def test_percentiles_are_samples() -> None:
    samples = [float(number) for number in range(1, 101)]
    assert [stats.percentile(samples, percent) for percent in (50, 90, 99, 100)] == [50, 90, 99, 100]
    assert stats.percentile([7.0], 99) == 7.0
    with pytest.raises(ValueError, match="no samples"):
        stats.percentile([], 50)


def test_a_drift_of_both_does_not_move_the_paired_ratio() -> None:
    floors = [1.0, 1.0, 1.0, 5.0, 5.0]
    samples = [floor * 2 for floor in floors]
    assert stats.paired_ratio(samples, floors) == 2
    assert stats.ratio(samples, floors) == 2
    assert stats.ratio([2.0, 2.0, 10.0], [1.0, 5.0, 5.0]) == 0.4
    assert stats.paired_ratio([2.0, 2.0, 10.0], [1.0, 5.0, 5.0]) == 2


def test_no_colour_and_no_progress_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    shown = report.Report(sys.stdout)
    shown.progress("working")
    shown.figure("figure", 1.25)
    shown.verdicts({"figure": ("<=", 1.0), "missing": ("==", 0)})
    said = capsys.readouterr().out
    assert "SHORT" in said
    assert "not run" in said
    assert "\033" not in said
    assert "working" not in said


def test_a_peer_that_fails_says_why() -> None:
    nobody = peers.Peer("nobody", "no_such_peer")
    with pytest.raises(peers.PeerError, match="no_such_peer"):
        peers.measure(nobody, 0.1)
    assert not peers.installed(peers.Peer("nobody", "no_such_peer", package="no_such_package"))
    assert not peers.installed(peers.Peer("nobody", "no_such_peer", executable="no-such-program"))


def test_a_chart_is_drawn_or_its_absence_told(tmp_path: Path) -> None:
    bars = [charts.Bar("ours", 2.0, ours=True), charts.Bar("another", 1000.0)]
    if importlib.util.find_spec("matplotlib") is None:
        with pytest.raises(charts.ChartError, match="matplotlib"):
            charts.draw_bars(tmp_path, "name", "title", "unit", bars)
    else:
        paths = charts.draw_bars(tmp_path, "name", "title", "unit", bars)
        assert {path.suffix for path in paths} == {".png", ".svg"}
        assert all(path.stat().st_size > 1000 for path in paths)
