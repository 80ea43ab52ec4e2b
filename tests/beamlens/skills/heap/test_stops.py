"""No call of `gc` and `caches` stops a program of millions of objects for long."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_no_call_stops_a_program_with_two_million_objects_and_a_snapshot_takes_below_5_ms() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.beamlens.skills.heap.stops", "1400000"],
        capture_output=True,
        text=True,
        timeout=220,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found.pop("negative control") > 20, "the heartbeat must see a call that does stop the program"
    assert found.pop("objects") > 2_000_000, "or counting was refused"
    for skill in ("gc", "caches"):
        assert found.pop(f"{skill} snapshot_ms")["p99"] < 5
        assert found.pop(f"{skill} collector")["errors"] == 0
    assert {name: stop for name, stop in found.items() if stop > 50} == {}
