"""What is learned, what is far from it, and what the detector does about it; on made-up programs with a given clock."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beamlens.skills.baselines.baseline import Baseline, learned
from beamlens.skills.baselines.detector import Detector, Settings
from beamlens.skills.baselines.kept import KeptBaselines
from beamlens.skills.baselines.metrics import numbers

_SETTINGS = Settings(learning_seconds=3600, warm_seconds=300, cooldown_seconds=900)
_STEP = 30.0

Level = Callable[[int], float]


def _run(
    level: Level, samples: int, *, name: str = "vm.value", settings: Settings = _SETTINGS
) -> tuple[Detector, list[Any]]:
    detector, happenings = Detector(settings, 0.0), []
    for number in range(1, samples + 1):
        happenings += detector.take(number * _STEP, {name: level(number)})
    return detector, happenings


def _escalations(happenings: list[Any]) -> list[Any]:
    return [each for each in happenings if each.name == "escalation"]


def _noise(seed: int) -> random.Random:
    return random.Random(seed)


@pytest.mark.parametrize("seed", range(5))
def test_a_day_of_ordinary_noise_is_no_escalation(seed: int) -> None:
    noise = _noise(seed)
    levels: list[tuple[str, Level]] = [
        ("vm.rss", lambda _: 200 + noise.gauss(0, 3)),
        ("http.per_second", lambda n: 500 + 300 * math.sin(n / 200) + noise.gauss(0, 30)),
        ("gc.collections_total", lambda n: n * 7.0),
        ("errors.count", lambda _: float(noise.random() < 0.02)),
        ("vm.cpu_part", lambda _: noise.random() * 0.3),
        ("vm.threads", lambda n: 8 + n % 3),
    ]
    for name, level in levels:
        _, happenings = _run(level, 2880, name=name)
        assert _escalations(happenings) == [], name


def test_a_counter_that_only_grows_is_judged_by_its_rate_even_without_a_telling_name() -> None:
    for name in ("gc.collections_total", "gc.collections"):
        detector, happenings = _run(lambda n: n * 20.0, 2000, name=name)
        assert _escalations(happenings) == []
        baseline = detector.baselines()[name]
        assert baseline.counter
        assert baseline.middle == pytest.approx(20 / _STEP)


def test_a_counter_that_speeds_up_escalates_and_a_restart_of_it_does_not() -> None:
    _, happenings = _run(lambda n: n * 3.0 if n < 200 else 600 + (n - 200) * 90.0, 220, name="http.errors_total")
    row = _escalations(happenings)[0].metadata["anomalies"][0]
    assert (row["skill"], row["metric"], row["per_second"]) == ("http", "errors_total", True)
    assert row["value"] == pytest.approx(3.0)
    assert row["usual"] == pytest.approx(0.1)
    _, happenings = _run(lambda n: n * 3.0 if n < 200 else (n - 200) * 3.0, 260, name="http.errors_total")
    assert _escalations(happenings) == []


def test_errors_that_were_always_none_can_be_unusual() -> None:
    _, happenings = _run(lambda n: 0.0 if n < 150 else 40.0, 160)
    assert len(_escalations(happenings)) == 1


def test_a_spike_is_told_and_does_not_escalate() -> None:
    _, happenings = _run(lambda n: 900.0 if n in (150, 151, 160) else 100.0 + n % 5, 300)
    assert [each.name for each in happenings].count("anomaly_detected") == 3
    assert _escalations(happenings) == []


def test_samples_in_a_row_are_counted_for_each_metric_by_itself() -> None:
    detector, happenings = Detector(_SETTINGS, 0.0), []
    for number in range(1, 200):
        far = number > 150
        sample = {"a.x": 99.0 if far and number % 2 else 5.0, "a.y": 99.0 if far and not number % 2 else 5.0}
        happenings += detector.take(number * _STEP, sample)
    assert [each.name for each in happenings].count("anomaly_detected") > 10
    assert _escalations(happenings) == []


def test_nothing_is_judged_while_it_learns_and_the_states_follow_one_another() -> None:
    detector, happenings = _run(lambda n: 1000.0 if n % 7 == 0 else 1.0, 119)
    assert (detector.state, happenings) == ("learning", [])
    detector, happenings = _run(lambda n: 5.0 if n < 150 else 90.0, 220)
    names = [each.name for each in happenings if each.name != "anomaly_detected"]
    assert names == ["learning_complete", "escalation", "cooldown_started", "cooldown_complete"]
    assert detector.state == "active"


def test_what_stays_different_becomes_the_usual_and_does_not_escalate_for_ever() -> None:
    detector, happenings = _run(lambda n: 5.0 if n < 200 else 90.0, 1200)
    assert 1 <= len(_escalations(happenings)) <= 6
    assert detector.baselines()["vm.value"].middle == 90.0


def test_what_is_different_is_told_as_long_as_it_rests_and_is_the_usual_afterwards() -> None:
    detector, told = Detector(_SETTINGS, 0.0), {}
    for number in range(1, 260):
        detector.take(number * _STEP, {"vm.value": 5.0 if number < 200 else 90.0})
        told[number] = (detector.state, len(detector.anomalies()))
    assert told[203] == told[230] == ("cooldown", 1)
    assert told[240] == ("active", 0)
    assert detector.baselines()["vm.value"].middle == 90.0


def test_in_an_hour_of_trouble_it_escalates_at_most_four_times() -> None:
    noise = _noise(1)
    _, happenings = _run(lambda n: 5.0 if n < 200 else 90.0 + 1000 * noise.random() * n, 320)
    assert 1 <= len(_escalations(happenings)) <= 4


def test_baselines_of_an_earlier_life_are_used_after_a_warm_up() -> None:
    known = {"vm.value": Baseline(100.0, 2.0, 240)}
    detector, happenings = Detector(_SETTINGS, 0.0, known), []
    for number in range(1, 30):
        level = 10.0 * number if number <= 10 else 500.0  # starts from nothing, as programs do
        happenings += detector.take(number * _STEP, {"vm.value": level})
    assert happenings[0].name == "learning_complete"
    assert happenings[0].measurements["elapsed_ms"] == pytest.approx(300_000)
    assert len(_escalations(happenings)) == 1
    fresh, found = Detector(_SETTINGS, 0.0), []
    for number in range(1, 30):
        found += fresh.take(number * _STEP, {"vm.value": 500.0})
    assert found == [], "without them it would still be learning"


def test_a_metric_that_comes_later_is_learned_before_it_is_judged() -> None:
    detector, happenings = Detector(_SETTINGS, 0.0), []
    for number in range(1, 250):
        sample = {"vm.a": 1.0} | ({"vm.late": 700.0 if number < 200 else 9000.0} if number > 150 else {})
        happenings += detector.take(number * _STEP, sample)
    assert [each.metadata["anomalies"][0]["key"] for each in _escalations(happenings)] == ["vm.late"]


def test_missing_samples_are_no_zeros() -> None:
    detector, happenings = Detector(_SETTINGS, 0.0), []
    for number in range(1, 300):
        happenings += detector.take(number * _STEP, {"vm.a": 500.0} if number % 3 else {})
    assert _escalations(happenings) == []
    assert detector.baselines()["vm.a"].middle == 500.0


@pytest.mark.parametrize(
    ("values", "middle", "scale"),
    [
        ([0.0] * 30, 0.0, 1.0),
        ([0.5] * 30, 0.5, 0.1),
        ([1000.0] * 30, 1000.0, 50.0),
        ([5.0], 5.0, 1.0),
        ([1.0, 1.0, 1.0, 1000.0] * 10, 1.0, 999.0 / 3.29),
    ],
)
def test_a_scale_is_never_too_small_to_mean_anything(values: list[float], middle: float, scale: float) -> None:
    found = learned(values)
    assert found.middle == middle
    assert found.scale == pytest.approx(scale)


def test_only_numbers_that_say_something_of_the_program_are_metrics() -> None:
    snapshot = {
        "state": "active", "alive": True, "none": None, "nan": float("nan"), "infinite": float("inf"), "count": 3,
        "memory": {"rss_mb": 1.5, "rss_growth": {"seconds": 9, "mb": 2}, "deep": {"er": {"and": {"deeper": 1}}}},
        "rows": [{"a": 1}], "collector": {"ticks": 5}, "cost_ms": 1.0, "pid": 4, "last_seconds_ago": 1.0,
    }  # fmt: skip
    assert numbers(snapshot) == {"count": 3.0, "memory.rss_mb": 1.5, "memory.rss_growth.mb": 2.0}
    assert len(numbers({f"n{number}": number for number in range(5000)})) == 200


@pytest.mark.parametrize(
    "path",
    [
        "pauses.longest_ms", "gil_holds.longest_1m_ms", "memory.peak_mb", "oldest_seconds", "queue.max",
        "stalls.count_5m", "cpu.load_15m",
        "traffic.requests_before", "memory.fragmented_seconds", "tasks.age_seconds", "latency.samples",
        "faults.minor_per_second", "faults.voluntary_switches", "stalls.total_1m_ms", "stalls.count_1m",
        "last_minute.errors", "generations.collected",
    ],
)  # fmt: skip
def test_what_tells_of_one_event_in_many_samples_is_no_metric(path: str) -> None:
    first, _, last = path.rpartition(".")
    assert numbers({first: {last: 5}} if first else {last: 5}) == {}


@pytest.mark.parametrize("name", ["response_seconds", "maximum_size", "samples_taken", "p99_ms", "before"])
def test_what_only_looks_like_that_is_one(name: str) -> None:
    assert numbers({name: 5}) == {name: 5.0}


@pytest.mark.parametrize(
    ("name", "before", "small", "large"),
    [
        ("malloc.free_mb", 2.4, 4.4, 30.0),
        ("latency.p50_ms", 3.0, 9.0, 60.0),
        ("cpu.busy_percent", 1.0, 8.0, 60.0),
    ],
)
def test_a_difference_that_nobody_cares_for_is_not_far_however_still_it_was(
    name: str, before: float, small: float, large: float
) -> None:
    for level, count in ((small, 0), (large, 1)):
        _, happenings = _run(lambda n, level=level: before if n < 200 else level, 215, name=f"vm.{name}")  # type: ignore[misc]
        assert len(_escalations(happenings)) == count, (name, level)
    _, happenings = _run(lambda n: 2.4 if n < 200 else 4.4, 215, name="vm.free_of_unit")
    assert len(_escalations(happenings)) == 1, "without a unit that is known it is"


def test_one_pause_that_a_window_of_five_minutes_tells_on_and_on_does_not_escalate() -> None:
    def happenings(path: str) -> list[Any]:
        detector, found = Detector(_SETTINGS, 0.0), []
        for number in range(1, 260):
            found += detector.take(number * _STEP, numbers({path: 400.0 if 200 <= number < 210 else 0.0}))
        return found

    assert _escalations(happenings("longest_ms")) == []
    assert len(_escalations(happenings("usual_ms"))) == 1, "without the rule it would"


# -- kept ---------------------------------------------------------------------------------------------


def test_baselines_survive_in_a_file_for_a_week(tmp_path: Path) -> None:
    now = [1000.0]
    kept = KeptBaselines(tmp_path / "deep" / "b.json", clock=lambda: now[0])
    known = {"vm.a": Baseline(1.0, 2.0, 30), "vm.b": Baseline(0.0, 1.0, 99, True)}
    kept.write(known)
    assert kept.read() == known
    assert (tmp_path / "deep" / "b.json").stat().st_mode & 0o077 == 0
    now[0] += 8 * 86_400
    assert kept.read() == {}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"format": 2}', '{"format": 1, "at": "x"}', '{"format": 1, "at": 999, "baselines": [1]}',
     '{"format": 1, "at": 999, "baselines": {"a": {"middle": "x", "scale": 1, "samples": 1}, "b": 5, "c": {"x": 1}}}',
     '{"format": 1, "at": 999, "baselines": {"a": {"middle": 1, "scale": 0, "samples": 1}}}'],
)  # fmt: skip
def test_a_damaged_file_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.json").write_text(text)
    assert KeptBaselines(tmp_path / "b.json", clock=lambda: 1000.0).read() == {}


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = KeptBaselines(tmp_path / "file" / "b.json")
    kept.write({"a": Baseline(1.0, 1.0, 1)})
    assert "cannot be written" in str(kept.problem)
