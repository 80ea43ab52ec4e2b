"""The sub-commands that read transcripts."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from tests.beamlens.cli.test_live import beamlens, harmless
from tests.beamlens.control.program import OBSERVATION
from tests.beamlens.report.recorded import transcripts


def test_runs_are_listed(tmp_path: Path) -> None:
    directory, run_id = transcripts()
    done = beamlens(tmp_path, "runs", "--dir", str(directory))
    assert done.returncode == 0
    assert run_id[:12] in done.stdout
    found = json.loads(beamlens(tmp_path, "runs", "--dir", str(directory), "--json").stdout)
    assert {each["owner"] for each in found} == {"coordinator", "operator:toy"}


def test_a_report_is_printed(tmp_path: Path) -> None:
    directory, run_id = transcripts()
    for run in ([run_id[:8]], ["last"], []):
        done = beamlens(tmp_path, "report", *run, "--dir", str(directory))
        assert done.returncode == 0
        assert harmless(done)
        for expected in (
            run_id,
            OBSERVATION,
            "memory_mb: 137 -> 174",
            "lua: return toy_five() + 1  gave  6",
            "timeline",
        ):
            assert expected in done.stdout, expected


def test_a_report_as_data_and_as_a_page(tmp_path: Path) -> None:
    directory, run_id = transcripts()
    data = json.loads(beamlens(tmp_path, "report", "--dir", str(directory), "--json").stdout)
    assert data["run_id"] == run_id
    path = tmp_path / "page.html"
    done = beamlens(tmp_path, "report", run_id, "--dir", str(directory), "--html", str(path))
    assert done.returncode == 0
    assert path.read_text().startswith("<!doctype html>")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert beamlens(tmp_path, "report", "--dir", str(directory), "--html", str(tmp_path / "no" / "x")).returncode == 3


def test_a_replay_prints_each_step(tmp_path: Path) -> None:
    directory, run_id = transcripts()
    done = beamlens(tmp_path, "replay", run_id, "--dir", str(directory))
    assert done.returncode == 0
    assert harmless(done)
    assert "0 differences" in done.stdout
    assert "produce_insight" in done.stdout
    data = json.loads(beamlens(tmp_path, "replay", "--dir", str(directory), "--json").stdout)
    assert data["differences"] == 0
    assert data["steps"][0]["tool"] == "invoke_operators"


def test_a_run_that_there_is_not(tmp_path: Path) -> None:
    directory, _ = transcripts()
    for command in ("report", "replay"):
        done = beamlens(tmp_path, command, "zz\x1b[31m", "--dir", str(directory))
        assert done.returncode == 3
        assert "begins with" in done.stderr
        assert harmless(done)
        assert beamlens(tmp_path, command, "--dir", str(tmp_path)).returncode == 3
