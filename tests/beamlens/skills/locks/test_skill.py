"""The skill within this process: its contract, and locks found without running the program's code."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

import pytest

from beamlens.errors import SkillError
from beamlens.skills.locking.graph import _circles
from beamlens.skills.locking.resolve import locked, owner_ident, resolve
from beamlens.skills.locks import Locks
from beamlens.testing import SkillHarness
from supervision.testing import wait_until

MODULE_LOCK = threading.Lock()


class Store:
    shared = threading.RLock()

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.condition = threading.Condition()
        self.handler = logging.NullHandler()
        self.semaphore = threading.Semaphore()
        self.inner: Any = None

    @property
    def dangerous(self) -> Any:
        raise AssertionError("no property of the program is ever asked")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")

    def frame(self) -> Any:
        return sys._getframe()


def test_the_contract() -> None:
    with SkillHarness(Locks) as skill:
        wait_until(lambda: skill.snapshot()["collector"][0]["looks"] > 3)
        skill.assert_good({"locks_in_code": [["threading.Timer.run"], ["queue.Queue.put"]]})
        assert skill.lua("return #locks_deadlocks()") == 0


def test_where_a_function_takes_locks_is_told() -> None:
    with SkillHarness(Locks) as skill:
        [row] = skill.call("locks_in_code", "queue.Queue.put")
        assert row["lock"] == "self.not_full"
        for name in ("queue.Queue.nothing", "", "os", "no.such.module", "x" * 5000):
            with pytest.raises(SkillError, match="there is no loaded function"):
                skill.call("locks_in_code", name)


def test_a_waiting_thread_is_listed_with_the_owner_of_the_lock() -> None:
    lock = threading.RLock()

    def wait() -> None:
        with lock:
            pass

    with SkillHarness(Locks) as skill, lock:
        thread = threading.Thread(target=wait, name="the-waiter")
        thread.start()
        try:
            rows = wait_until(
                lambda: [row for row in skill.call("locks_waiting") if row["holder_thread"] is not None], timeout=20
            )
        finally:
            lock.release()
            thread.join(20)
            lock.acquire()
        [row] = rows
        assert (row["thread"], row["lock"].rpartition(" ")[2]) == ("the-waiter", "lock")
        assert row["holder_thread"] == threading.current_thread().name
        assert skill.call("locks_deadlocks") == []


def test_locks_are_resolved_without_running_code_of_the_program() -> None:
    store = Store()
    frame = store.frame()
    assert resolve(frame, "self._lock") is store._lock
    assert resolve(frame, "self.shared") is Store.shared
    assert resolve(frame, "MODULE_LOCK") is MODULE_LOCK
    assert resolve(frame, "Store.shared") is Store.shared
    assert resolve(frame, "self.condition") is store.condition._lock  # type: ignore[attr-defined]
    assert resolve(frame, "self.handler") is store.handler.lock
    for name in ("self.semaphore", "self.dangerous", "self.missing", "self.inner.lock", "nothing", "?", "self"):
        assert resolve(frame, name) is None


def test_owners_are_known_of_reentrant_locks_only() -> None:
    reentrant, plain = threading.RLock(), threading.Lock()
    assert owner_ident(reentrant) is None
    assert not locked(reentrant)
    with reentrant, plain:
        assert owner_ident(reentrant) == threading.get_ident()
        assert owner_ident(plain) is None
        assert locked(reentrant)
        assert locked(plain)


def test_circles_are_found_and_chains_are_none() -> None:
    assert _circles({1: 2, 2: 3}) == []
    assert _circles({1: 2, 2: 1}) == [(1, 2)]
    assert _circles({1: 1}) == [(1,)]
    assert [set(each) for each in _circles({1: 2, 2: 3, 3: 2, 4: 1, 5: 6, 6: 5})] == [{2, 3}, {5, 6}]
    assert _circles({}) == []
