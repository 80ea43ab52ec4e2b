"""The skill `vm_events`: its shape, its callbacks, its page, and what it leaves behind: nothing."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from beamlens.errors import SkillError
from beamlens.skills.heap.pauses import PauseRecorder
from beamlens.skills.interpreter.places import Place
from beamlens.skills.stalls import faults
from beamlens.skills.stalls.events import Stall, Stalls
from beamlens.skills.stalls.faults import Faults, killed_for_memory
from beamlens.skills.vm_events import VmEvents
from beamlens.skills.vm_events_checks import CHECKS
from beamlens.skills.vm_events_docs import DOCS
from beamlens.testing import SkillHarness
from tests.beamlens.skills.sound import assert_sound

_PAGE = Path(__file__).parents[4] / "docs" / "skills" / "vm_events.md"
_PLACE = Place("shop/orders.py", 12, "place", "application")


@pytest.mark.slow
def test_it_is_sound() -> None:
    assert_sound(VmEvents, {"vm_events_list": [["all", 5]]})


@pytest.mark.parametrize("kind", ["", "gc", "ALL", "x" * 1000])
def test_a_kind_that_is_none_is_told_with_those_there_are(kind: str) -> None:
    with SkillHarness(VmEvents) as skill, pytest.raises(SkillError, match="'gil_hold', 'loop_stall'"):
        skill.call("vm_events_list", kind)


def test_stalls_are_summed_up_by_kind_and_by_the_line_that_most_of_the_time_is_owed_to() -> None:
    stalls, now = Stalls(), time.monotonic()
    other = Place("shop/other.py", 1, "other", "application")
    stalls.add(Stall("gil_hold", now - 400, 9000.0, other))
    stalls.add(Stall("gil_hold", now - 200, 900.0, other))
    stalls.add(Stall("gil_hold", now - 20, 300.0, _PLACE, "json.dumps"))
    stalls.add(Stall("gil_hold", now - 10, 100.0, other))
    stalls.add(Stall("gc_pause", now, 50.0, None, "a collection of generation 2", 3))
    summary = stalls.summary("gil_hold", 50.0)
    assert (summary["count_5m"], summary["count_1m"]) == (3, 2)
    assert (summary["longest_ms"], summary["longest_1m_ms"], summary["total_1m_ms"]) == (900.0, 300.0, 400.0)
    assert summary["usual_place"] == {"at": "shop/orders.py:12", "func": "place", "doing": "json.dumps", "part": 0.75}
    assert [row["kind"] for row in stalls.last(None, 2)] == ["gc_pause", "gil_hold"]
    assert len(stalls.last("gil_hold", 50)) == 3
    assert stalls.last("gc_pause", 1)[0]["datetime"].endswith("Z")


def test_nothing_yet_is_nothing() -> None:
    assert Stalls().summary("suspended", None)["usual_place"] is None
    assert Stalls().last(None, 5) == []


def test_major_faults_are_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    major, clock = [1000], [100.0]
    used = SimpleNamespace(ru_minflt=5, ru_nivcsw=5, ru_nvcsw=5)
    monkeypatch.setattr("resource.getrusage", lambda who: SimpleNamespace(**vars(used), ru_majflt=major[0]))
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    watch = Faults()
    assert watch.look(clock[0]) is None
    assert watch.snapshot()["major_per_second"] is None, "one look says nothing of a rate"
    for _ in range(5):
        clock[0] += 1.0
        major[0] += 250
        assert watch.look(clock[0]) == 250
    assert watch.snapshot()["major_per_second"] == 250.0


def test_processes_that_were_killed_for_memory_are_counted_or_not_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(faults, "_CGROUP", tmp_path)
    assert killed_for_memory() is None
    (tmp_path / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    assert killed_for_memory() == 2


def test_without_its_collector_it_says_what_is_missing() -> None:
    data = VmEvents().snapshot()
    assert data["collector"] == {"running": False}
    assert "does not run" in data["missing"][-1]


def test_the_page_has_the_callbacks_word_for_word_all_checks_and_all_fields() -> None:
    text = _PAGE.read_text(encoding="utf-8")
    assert DOCS in text
    for check in CHECKS:
        assert f"`{check.name}`" in text
    for field in VmEvents().snapshot():
        assert f"`{field}`" in text


def _noted(recorder: PauseRecorder, generation: int, seconds: float) -> float:
    """Return the milliseconds that a collection is said to have taken, which was held up from outside so long."""
    info = {"generation": generation, "collected": 0, "uncollectable": 0}
    recorder.begin()
    try:
        before = recorder.total_ms
        recorder._note("start", info)
        time.sleep(seconds)
        recorder._note("stop", info)
        return recorder.total_ms - before
    finally:
        recorder.end()


@pytest.mark.parametrize("generation", [0, 1, 2])
def test_a_collection_during_which_the_process_was_stopped_is_not_told_as_long(generation: int) -> None:
    assert _noted(PauseRecorder(), generation, 0.08) < 20.0


def test_a_young_collection_of_many_objects_is_told_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "get_threshold", lambda: (1_000_000, 10, 10))
    assert 80.0 <= _noted(PauseRecorder(), 0, 0.08) < 900.0
