"""The skill `gc`: its shape, its callbacks, its page, and what it leaves behind: nothing."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamlens.errors import SkillError
from beamlens.skills.gc import Gc
from beamlens.skills.gc_checks import CHECKS
from beamlens.skills.gc_docs import DOCS
from beamlens.skills.heap.pauses import PauseRecorder
from beamlens.skills.work_done import WorkDone
from beamlens.testing import SkillHarness
from supervision.testing import wait_until
from tests.beamlens.skills.sound import assert_sound

_PAGE = Path(__file__).parents[4] / "docs" / "skills" / "gc.md"


class Kept:
    pass


KEPT = [Kept() for _ in range(10)]
_NAME = f"{__name__}.Kept"


@pytest.fixture
def skill() -> Iterator[SkillHarness]:
    with SkillHarness(Gc) as harness:
        wait_until(lambda: not harness.snapshot()["missing"], timeout=20)
        yield harness


@pytest.mark.slow
def test_it_is_sound() -> None:
    examples: dict[str, list[list[object]]] = {"gc_holders": [[_NAME]], "gc_measure": [[0.2]]}
    documented_elsewhere = ("collected", "enabled", "thresholds")
    assert_sound(_Ready, examples, documented_elsewhere)


class _Ready(Gc):
    """Its examples name a class of a shop, which there is none of here."""

    def callback_docs(self) -> str:
        return DOCS.replace("shop.models.Session", _NAME)


def test_who_holds_is_told_by_type(skill: SkillHarness) -> None:
    found = skill.call("gc_holders", _NAME, 3)
    assert found["asked"] == found["kept"] == 3
    assert found["paths"][0]["path"] == f"{__name__}.KEPT[...]"


def test_objects_of_a_built_in_type_are_looked_for_in_a_copy(skill: SkillHarness) -> None:
    found = skill.call("gc_holders", "dict", 4)
    assert found["asked"] == 4
    assert found["kept"] >= 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["no.such.Class"], "there is no class 'no.such.Class'"),
        ([""], "there is no class"),
        (["x" * 5000], "there is no class"),
        ([_NAME, 0], "a whole number from 1 to 8 is expected"),
        ([_NAME, 9], "a whole number from 1 to 8 is expected"),
        ([_NAME, True], "integer is expected|whole number"),
        ([5], "text|string"),
    ],
)
def test_wrong_arguments_are_told_with_what_is_expected(
    skill: SkillHarness, arguments: list[object], text: str
) -> None:
    with pytest.raises(SkillError, match=text) as caught:
        skill.call("gc_holders", *arguments)
    assert caught.value.kind == "bad_arguments"


def test_pauses_are_measured_while_it_runs_and_the_callback_is_taken_off(skill: SkillHarness) -> None:
    before = skill.snapshot()["pauses"]["collections"]
    gc.collect()
    pauses = skill.snapshot()["pauses"]
    assert pauses["collections"] > before
    assert pauses["full"] >= 1
    assert pauses["total_ms"] > 0


def test_a_recorder_with_several_users_stays_until_the_last() -> None:
    recorder = PauseRecorder()
    callbacks = list(gc.callbacks)
    recorder.begin()
    recorder.begin()
    recorder.end()
    gc.collect()
    assert recorder.summary()["full"] == 1
    recorder.end()
    assert gc.callbacks == callbacks
    gc.collect()
    assert recorder.summary()["full"] == 1, "nobody wants to know any more"


def test_long_pauses_name_their_thread_and_what_was_freed() -> None:
    recorder = PauseRecorder()
    recorder.begin()
    heap = [[number] for number in range(1_500_000)]
    collector = threading.Thread(target=gc.collect)
    collector.start()
    collector.join()
    recorder.end()
    del heap
    pause = recorder.long(20.0, 60.0)[0]
    assert pause.generation == 2
    assert pause.ms >= 20
    assert pause.thread == collector.ident
    assert recorder.long(1e6, 60.0) == []


def test_garbage_is_told_by_type_and_left_where_it_is(skill: SkillHarness) -> None:
    gc.garbage.extend([Kept(), Kept()])
    try:
        found = skill.call("gc_garbage", 1)
        assert found["objects"] == len(gc.garbage) == 2
        assert found["types"] == [{"type": _NAME, "count": 2}]
    finally:
        gc.garbage.clear()


def test_what_became_more_once_is_not_in_two_windows(skill: SkillHarness) -> None:
    more: list[object] = []
    ended = threading.Event()

    def grow() -> None:
        while not ended.wait(0.01):
            more.extend(Kept() for _ in range(20))

    grower = threading.Thread(target=grow)
    grower.start()
    found = skill.call("gc_measure", 1.0)
    ended.set()
    grower.join()
    row = next(row for row in found["growing"] if row["type"] == _NAME)
    assert min(row["first"], row["second"]) >= 20
    assert skill.call("gc_measure", 0.3)["growing"] == []


def test_work_is_summed_over_those_who_count() -> None:
    work = WorkDone()
    assert work.total() is None
    one = lambda: 3  # noqa: E731
    work.add(one)
    work.add(lambda: 4)
    assert work.total() == 7
    work.remove(one)
    assert work.total() == 4


def test_without_its_collector_it_says_what_is_missing() -> None:
    data = Gc().snapshot()
    assert data["types"]["objects"] is None
    assert "does not run" in data["missing"][0]


def test_the_page_has_the_callbacks_word_for_word_all_checks_and_all_fields() -> None:
    text = _PAGE.read_text(encoding="utf-8")
    assert DOCS in text
    for check in CHECKS:
        assert f"`{check.name}`" in text
    for field in Gc().snapshot():
        assert f"`{field}`" in text
