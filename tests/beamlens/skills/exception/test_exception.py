"""The skill `exception`: what it sees, what it never shows, and that it leaves nothing behind."""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from beamlens.errors import SkillError
from beamlens.skills.exception import Exceptions
from beamlens.skills.raised.hooks import Hooks
from beamlens.skills.raised.sighting import Sighting, sighting_of
from beamlens.skills.raised.store import ExceptionStore
from beamlens.testing import SkillHarness
from supervision.testing import wait_until
from tests.beamlens.skills.judged import Judge

SECRET = "sk-live-0123456789abcdef"
log = logging.getLogger("tests.exception")


@pytest.fixture
def harness() -> Iterator[SkillHarness]:
    log.addHandler(logging.NullHandler())
    log.propagate = False  # as uvicorn's loggers
    with SkillHarness("exception") as harness:
        yield harness
    log.propagate = True
    log.handlers.clear()


def _fail(number: int = 0) -> None:
    raise KeyError(f"{SECRET} {number}")


def _logged() -> None:
    try:
        _fail()
    except KeyError:
        log.exception("it failed: %s", SECRET)


class _RaisesAtItsEnd:
    def __del__(self) -> None:
        raise ValueError(SECRET)


def test_a_logged_exception_is_seen_with_type_and_line_also_where_loggers_do_not_propagate(
    harness: SkillHarness,
) -> None:
    for _ in range(3):
        _logged()
    group = harness.snapshot()["groups"][0]
    assert (group["type"], group["count"], group["ways"]) == ("KeyError", 3, {"logging": 3})
    assert group["func"] == "_fail"
    assert group["at"].endswith(f"test_exception.py:{_fail.__code__.co_firstlineno + 1}")
    found = harness.call("exception_stacktrace", group["key"])
    assert [line.rpartition(" in ")[2] for line in found["stack"]] == ["_fail", "_logged"]


def test_what_ends_a_thread_the_program_or_a_finalizer_is_seen(
    harness: SkillHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = {"thread": threading.excepthook, "main": sys.excepthook, "unraisable": sys.unraisablehook}
    heard: list[str] = []
    skill = harness.access.skill
    assert isinstance(skill, Exceptions)
    # pytest has hooks of its own for threads and finalizers: ours are called as the interpreter would, theirs are not.
    monkeypatch.setattr(skill._hooks, "_originals", {name: lambda *_: heard.append("theirs") for name in ours})
    monkeypatch.setattr(threading, "excepthook", ours["thread"])
    thread = threading.Thread(target=_fail)
    thread.start()
    thread.join()
    thing = _RaisesAtItsEnd()
    del thing
    gc.collect()
    try:
        _fail()
    except KeyError:
        ours["main"](*sys.exc_info())  # type: ignore[operator]
    assert harness.snapshot()["ways"] == {"thread": 1, "unraisable": 1, "main": 1}
    assert heard == ["theirs"] * 3


def test_no_text_of_an_exception_leaves(harness: SkillHarness) -> None:
    _logged()
    key = harness.snapshot()["groups"][0]["key"]
    calls: list[tuple[str, list[Any]]] = [
        ("exception_stats", []), ("exception_groups", [50]), ("exception_recent", [50]),
        ("exception_by_type", ["KeyError", 50]), ("exception_stacktrace", [key]),
    ]  # fmt: skip
    told = [harness.snapshot(), *(harness.call(name, *arguments) for name, arguments in calls)]
    assert SECRET not in json.dumps(told)


def test_records_without_an_exception_and_our_own_do_not_count(harness: SkillHarness) -> None:
    log.error("nothing was raised")
    own = logging.getLogger("beamlens.tests")
    try:
        _fail()
    except KeyError:
        own.debug("not made at all", exc_info=True)
        factory = logging.getLogRecordFactory()
        factory("beamlens.x", logging.ERROR, "f", 1, "ours", (), sys.exc_info())
    assert harness.snapshot()["total"] == 0


def test_an_os_error_is_told_by_its_symbol(harness: SkillHarness) -> None:
    try:
        os.stat("/nowhere/at/all")
    except OSError:
        log.exception("no")
    group = harness.snapshot()["groups"][0]
    assert (group["type"], group["code"]) == ("FileNotFoundError", "ENOENT")


def test_recent_ones_come_newest_first_and_by_type(harness: SkillHarness) -> None:
    _logged()
    try:
        int("x")
    except ValueError:
        log.exception("no")
    assert [row["type"] for row in harness.call("exception_recent", 5)] == ["ValueError", "KeyError"]
    assert [row["type"] for row in harness.call("exception_by_type", "keyerr", 5)] == ["KeyError"]
    newest = harness.call("exception_recent", 1)[0]
    assert harness.call("exception_stacktrace", str(newest["id"]))["type"] == "ValueError"
    with pytest.raises(SkillError, match="there is no 'nothing'"):
        harness.call("exception_stacktrace", "nothing")


def test_the_skill_is_good(harness: SkillHarness) -> None:
    _logged()
    key = harness.snapshot()["groups"][0]["key"]
    harness.assert_good({"exception_stacktrace": [[key]], "exception_by_type": [["KeyError", 5]]})
    skill = harness.access.skill
    assert skill is not None
    for example in skill.callback_docs().split("```lua\n")[1:]:
        harness.lua(example.split("```")[0])


@pytest.mark.slow
def test_a_storm_is_found_where_it_comes_from_and_a_few_exceptions_are_not(harness: SkillHarness) -> None:
    skill = Exceptions()
    judge = Judge(skill.checks(), _caller(harness), list(skill.callbacks()))
    over = threading.Event()

    def storm() -> None:
        while not over.wait(0.05):
            _logged()

    for _ in range(5):
        _logged()
    judge.look()
    assert judge.findings() == {}  # negative control: some exceptions at once are no storm
    thread = threading.Thread(target=storm)
    thread.start()
    try:
        found = wait_until(lambda: judge.look() and judge.findings(), timeout=30)
    finally:
        over.set()
        thread.join()
    texts = judge.texts(found["exception_storm"])
    assert "KeyError was raised" in texts[0]
    assert "_fail" in texts[0]
    assert SECRET not in " ".join(texts)


def _caller(harness: SkillHarness) -> Any:
    def call(name: str, *arguments: Any) -> Any:
        return harness.snapshot() if name == "snapshot" else harness.call(name, *arguments)

    return call


# -- hooks and store ------------------------------------------------------------------------------


def test_a_hook_put_over_ours_stays_and_ours_only_passes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(sys, "excepthook", lambda *_: heard.append("application"))
    hooks = Hooks(lambda *_: heard.append("ours"))
    hooks.install()
    below = sys.excepthook
    above = lambda *given: below(*given)  # noqa: E731
    monkeypatch.setattr(sys, "excepthook", above)
    sys.excepthook(ValueError, ValueError("x"), None)
    hooks.remove()
    assert sys.excepthook is above
    sys.excepthook(ValueError, ValueError("x"), None)
    assert heard == ["ours", "application", "application"]


def _sighting(number: int) -> Sighting:
    return Sighting(f"Error{number}", None, None, "logging", time.time(), ())


def test_the_store_is_bounded() -> None:
    store = ExceptionStore()
    for number in range(1000):
        store.admits()
        store.add(_sighting(number))
    figures = store.figures()
    assert (figures["total"], figures["group_count"], len(store.recent(10_000))) == (1000, 200, 500)
    assert figures["not_grouped"] == 800


def test_in_a_flood_only_so_many_are_looked_at_and_all_are_counted() -> None:
    store = ExceptionStore()
    admitted = sum(store.admits() for _ in range(10_000))
    figures = store.figures()
    assert 200 <= admitted <= 200 * 20  # 200 for each second that this took
    assert figures["total"] == figures["last_minute"] == 10_000
    assert figures["unexamined"] == 10_000 - admitted


def test_an_exception_in_the_middle_of_the_store_is_no_deadlock() -> None:
    store = ExceptionStore()
    with store._lock:  # as if a finalizer raised while this thread is in there
        assert store.admits()
        store.add(_sighting(1))


def test_a_deep_recursion_is_cut() -> None:
    def deep(left: int) -> None:
        if left == 0:
            _fail()
        deep(left - 1)

    try:
        deep(500)
    except KeyError as error:
        found = sighting_of(KeyError, error, error.__traceback__, "logging")
    assert len(found.stack) == 20
