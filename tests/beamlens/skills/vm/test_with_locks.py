"""Reading locks off bytecode, of real threads that really wait."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from beamlens.skills.interpreter.with_locks import called_name, entering, lock_blocks, supported, within
from supervision.testing import wait_until

MODULE_LOCK = threading.Lock()


class Store:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.go_on = threading.Event()
        self.inner = self

    def with_statement(self) -> None:
        with self.lock:
            pass

    def second_of_two(self) -> None:
        with open("/dev/null"), self.inner.lock:
            pass

    def by_hand(self) -> None:
        self.lock.acquire(timeout=30)
        try:
            self.wait_inside(1, word="x")
        finally:
            self.lock.release()

    def holds(self) -> None:
        with self.lock:
            self.wait_inside(max(1, min(2, 3)))

    def wait_inside(self, number: int, word: str = "") -> None:
        self.go_on.wait(30)


@contextmanager
def _running(function: Callable[[], None], depth_of: str) -> Iterator[Callable[[], FrameType | None]]:
    """Run `function` on a thread and give its frame of the method called `depth_of`."""
    thread = threading.Thread(target=function)
    thread.start()

    def frame() -> FrameType | None:
        each = sys._current_frames().get(thread.ident or 0)
        while each is not None and each.f_code.co_name != depth_of:
            each = each.f_back
        return each

    yield frame
    thread.join(30)
    assert not thread.is_alive()


def _waits(function_name: str) -> str | None:
    store = Store()
    store.lock.acquire()
    with _running(getattr(store, function_name), function_name) as frame:
        try:
            block = wait_until(lambda: (found := frame()) is not None and entering(found))
        finally:
            store.lock.release()
            store.go_on.set()
    return block.expression if block else None


def test_this_python_is_supported() -> None:
    assert supported()


def test_a_thread_that_waits_to_enter_a_with_block_is_seen_and_the_lock_named() -> None:
    assert _waits("with_statement") == "self.lock"


def test_the_second_lock_of_a_with_statement_is_told_from_the_first() -> None:
    assert _waits("second_of_two") == "self.inner.lock"


def test_a_thread_that_waits_in_acquire_is_seen() -> None:
    assert _waits("by_hand") == "self.lock"


def test_a_holder_stands_inside_its_block_and_what_it_calls_is_named() -> None:
    for name in ("holds", "by_hand"):
        store = Store()
        with _running(getattr(store, name), name) as frame:
            wait_until(lambda store=store: store.lock.locked())  # type: ignore[misc]
            called = wait_until(lambda: (each := frame()) is not None and called_name(each.f_code, each.f_lasti))
            found = frame()
            assert found is not None
            held, asked = within(found), entering(found)
            del found
            store.go_on.set()
            assert [block.expression for block in held] == ["self.lock"]
            assert called == "self.wait_inside"
            assert asked is None


def test_outside_of_the_block_nothing_is_held() -> None:
    def before_and_after() -> FrameType:
        with MODULE_LOCK:
            time.sleep(0)
        return sys._getframe()

    assert within(before_and_after()) == ()


def test_functions_without_locks_have_no_blocks_and_odd_code_does_not_raise() -> None:
    assert lock_blocks(compile("x = 1", "<text>", "exec")) == ()
    assert called_name(compile("x = 1", "<text>", "exec"), 0) is None
    assert called_name(_waits.__code__, -1) is None


def test_an_expression_that_is_no_name_is_said_to_be_unknown() -> None:
    def function(locks: list[threading.Lock]) -> None:
        with locks[0]:
            pass

    assert [block.expression for block in lock_blocks(function.__code__)] == ["?"]
