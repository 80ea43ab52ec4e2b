"""The skill `allocator`: its shape, its callbacks, its page, and what it leaves behind: nothing."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamlens.errors import SkillError
from beamlens.skills.allocation import sites
from beamlens.skills.allocation.history import AllocatorHistory
from beamlens.skills.allocation.sites import SiteTracer
from beamlens.skills.allocator import Allocator
from beamlens.skills.allocator_checks import CHECKS
from beamlens.skills.allocator_docs import DOCS
from beamlens.testing import SkillHarness
from tests.beamlens.skills.sound import assert_sound

_PAGE = Path(__file__).parents[4] / "docs" / "skills" / "allocator.md"


@pytest.fixture(autouse=True)
def _idle(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Other tests' machines are busy; what is refused then has a test of its own."""
    monkeypatch.setattr(sites, "_load", lambda: 0.1)
    yield
    assert not tracemalloc.is_tracing()


@pytest.mark.slow
def test_it_is_sound() -> None:
    assert_sound(Allocator, {"allocator_sites": [[0.1]]})


def _keeping(pieces: int) -> tuple[list[bytearray], threading.Thread, threading.Event]:
    kept: list[bytearray] = []
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(0.005):
            kept.extend(bytearray(2000) for _ in range(pieces))

    thread = threading.Thread(target=keep)
    thread.start()
    return kept, thread, ended


def test_a_line_that_keeps_allocating_is_named_and_tracing_ends() -> None:
    _, thread, ended = _keeping(3)
    found = SiteTracer().trace(0.6)
    ended.set()
    thread.join()
    top = found["growing"][0]
    assert top["at"].startswith("tests/beamlens/skills/allocator/test_allocator.py:")
    assert top["owner"] == "application"
    # Each is two blocks: the object, and the 2000 bytes that it holds.
    assert top["kb"] == pytest.approx(top["blocks"], rel=0.3)
    assert min(top["first"], top["second"]) >= 5
    assert not tracemalloc.is_tracing()


def test_many_allocations_end_it_early() -> None:
    _, thread, ended = _keeping(300)
    found = [SiteTracer().trace(5.0) for _ in range(4)]
    ended.set()
    thread.join()
    assert min(each["seconds"] for each in found) < 2.0
    assert min(each["stop_ms"] for each in found) < 100, "the others may have had to wait for a processor"


def test_too_many_at_once_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sites, "_NEVER_READ", -1)
    found = SiteTracer().trace(0.05)
    assert found["growing"] == []
    assert found["traced"] is None
    assert "too many allocations" in found["missing"][0]


def test_asked_again_it_gives_the_same_answer() -> None:
    tracer = SiteTracer()
    first = tracer.trace(0.05)
    again = tracer.trace(0.05)
    assert again["traced"] == first["traced"]
    assert again["ago_seconds"] >= first["ago_seconds"] == 0.0


def test_who_traces_already_is_left_alone() -> None:
    tracemalloc.start(7)
    try:
        with pytest.raises(SkillError, match="left alone") as caught:
            SiteTracer().trace(0.05)
        assert caught.value.kind == "refused"
        assert tracemalloc.get_traceback_limit() == 7
    finally:
        tracemalloc.stop()


def test_under_load_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sites, "_load", lambda: 0.9)
    with pytest.raises(SkillError, match="90% of a core"):
        SiteTracer().trace(0.05)


def test_what_somebody_else_stopped_is_no_error() -> None:
    tracer = SiteTracer()
    stopper = threading.Timer(0.05, tracemalloc.stop)
    stopper.start()
    found = tracer.trace(0.3)
    stopper.join()
    assert found["missing"] != []


@pytest.mark.parametrize("seconds", [0.0, -1.0, 5.1, 1e18])
def test_it_takes_no_longer_than_allowed(seconds: float) -> None:
    with SkillHarness(Allocator) as skill, pytest.raises(SkillError, match="at most 5 is expected"):
        skill.call("allocator_sites", seconds)


def test_the_entries_add_up_to_the_resident_size() -> None:
    with SkillHarness(Allocator) as skill:
        state = skill.call("allocator_state")
        assert sum(value for value in state["entries"].values() if value is not None) == pytest.approx(
            state["rss_mb"], abs=0.1
        )


def test_what_was_never_asked_is_not_known() -> None:
    history = AllocatorHistory()
    assert history.fragmented_seconds() is None
    data = Allocator().snapshot()
    assert data["pymalloc"] is None
    assert data["free_part"] is None
    assert data["missing"] == ["allocators: not asked yet"]


def test_the_page_has_the_callbacks_word_for_word_all_checks_and_all_fields() -> None:
    text = _PAGE.read_text(encoding="utf-8")
    assert DOCS in text
    for check in CHECKS:
        assert f"`{check.name}`" in text
    for field in Allocator().snapshot():
        assert f"`{field}`" in text
