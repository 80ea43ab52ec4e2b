"""The loop: calls from any thread, timers in order, descriptors, and no error that ends it."""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from supervision.process import loop as module
from supervision.process.loop import Loop
from supervision.process.poller import READ, WRITE, EpollPoller, SelectorPoller
from supervision.testing import wait_until


@pytest.fixture(params=[EpollPoller, SelectorPoller])
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    monkeypatch.setattr(module, "make_poller", request.param)
    made = Loop("test-loop")
    made.start()
    yield made
    made.stop()


def on_loop(loop: Loop, function: Callable[[], Any]) -> Any:
    answers: list[Any] = []
    told = threading.Event()
    loop.call_soon(lambda: (answers.append(function()), told.set()))  # type: ignore[func-returns-value]
    assert told.wait(5)
    return answers[0]


def test_calls_run_on_its_thread_in_the_order_of_each_caller(loop: Loop) -> None:
    seen: list[tuple[int, int, bool]] = []

    def call(caller: int) -> None:
        for number in range(500):
            loop.call_soon(lambda number=number: seen.append((caller, number, loop.on_thread)))

    threads = [threading.Thread(target=call, args=(caller,)) for caller in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: len(seen) == 2000)
    assert all(on_thread for _, _, on_thread in seen)
    assert not loop.on_thread
    for caller in range(4):
        assert [number for who, number, _ in seen if who == caller] == list(range(500))


def test_timers_run_in_the_order_in_which_they_are_due_and_not_before(loop: Loop) -> None:
    seen: list[tuple[str, float]] = []
    began = time.monotonic()
    for name, delay in (("c", 0.06), ("a", 0.02), ("b", 0.04)):
        loop.call_later(delay, lambda name=name: seen.append((name, time.monotonic() - began)))  # type: ignore[misc]
    wait_until(lambda: len(seen) == 3)
    assert [name for name, _ in seen] == ["a", "b", "c"]
    assert all(took >= due for (_, took), due in zip(seen, (0.02, 0.04, 0.06), strict=True))


def test_a_cancelled_timer_is_void_and_keeps_nothing_alive(loop: Loop) -> None:
    class Thing:
        def act(self) -> None:
            seen.append(self)

    seen: list[Thing] = []
    thing = Thing()
    timer = loop.call_later(0.02, thing.act)
    timer.cancel()
    gone = weakref.ref(thing)
    del thing
    gc.collect()
    assert gone() is None
    later = threading.Event()
    loop.call_later(0.04, later.set)
    assert later.wait(5)
    assert seen == []


def test_an_error_in_a_callback_is_logged_and_ends_nothing(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    def fail(error: BaseException) -> None:
        raise error

    for error in (ValueError("x"), SystemExit(3), KeyboardInterrupt()):
        loop.call_soon(fail, error)
    loop.call_later(0, lambda: fail(ValueError("timer")))
    assert on_loop(loop, lambda: 5) == 5
    wait_until(lambda: len([r for r in caplog.records if "internal error" in r.getMessage()]) == 4)
    assert loop.thread.is_alive()


def test_a_call_that_calls_itself_again_starves_neither_timers_nor_descriptors(loop: Loop) -> None:
    running, seen = [True], threading.Event()

    def again() -> None:
        if running[0]:
            loop.call_soon(again)

    loop.call_soon(again)
    loop.call_later(0.01, seen.set)
    assert seen.wait(5)
    ours, theirs = socket.socketpair()
    read = threading.Event()
    on_loop(loop, lambda: loop.watch(ours.fileno(), READ, lambda ready: read.set()))
    theirs.send(b"x")
    assert read.wait(5)
    on_loop(loop, lambda: loop.unwatch(ours.fileno()))
    running[0] = False
    ours.close()
    theirs.close()


def test_a_descriptor_is_watched_for_what_was_asked_until_it_is_not(loop: Loop) -> None:
    ours, theirs = socket.socketpair()
    seen: list[int] = []

    def hear(ready: int) -> None:
        seen.append(ready)
        ours.recv(10)

    def once(ready: int) -> None:
        seen.append(ready)
        loop.unwatch(ours.fileno())

    on_loop(loop, lambda: loop.watch(ours.fileno(), READ, hear))
    theirs.send(b"x")
    wait_until(lambda: seen == [READ])
    on_loop(loop, lambda: loop.unwatch(ours.fileno()))
    on_loop(loop, lambda: loop.unwatch(ours.fileno()))  # twice does no harm
    theirs.send(b"x")
    on_loop(loop, lambda: None)
    assert seen == [READ]
    on_loop(loop, lambda: loop.watch(ours.fileno(), WRITE, once))
    wait_until(lambda: seen == [READ, WRITE])
    ours.close()
    theirs.close()


def test_the_end_of_a_stream_counts_as_readable(loop: Loop) -> None:
    ours, theirs = socket.socketpair()
    seen: list[int] = []

    def once(ready: int) -> None:
        seen.append(ready)
        loop.unwatch(ours.fileno())

    on_loop(loop, lambda: loop.watch(ours.fileno(), READ, once))
    theirs.close()
    wait_until(lambda: seen and seen[0] & READ)
    ours.close()


def test_stop_runs_what_was_called_before_and_gives_all_back(loop: Loop) -> None:
    held = {fd for fd in loop.descriptors() if fd >= 0}
    seen: list[int] = []
    for number in range(100):
        loop.call_soon(seen.append, number)
    loop.stop()
    assert seen == list(range(100))
    assert not loop.thread.is_alive()
    for fd in held:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


def test_an_idle_loop_does_not_wake_up(loop: Loop) -> None:
    tid = on_loop(loop, threading.get_native_id)

    def switches() -> int:
        with open(f"/proc/self/task/{tid}/status") as file:
            return int(next(line for line in file if line.startswith("voluntary")).split()[1])

    wait_until(lambda: (first := switches()) is not None and not _changes(switches, first, 0.05))
    before = switches()
    assert not _changes(switches, before, 0.3)


def _changes(read: Callable[[], int], before: int, seconds: float) -> bool:
    try:
        wait_until(lambda: read() != before, timeout=seconds)
    except TimeoutError:
        return False
    return True


def test_a_call_after_the_end_is_made_by_the_caller_and_writes_to_no_descriptor() -> None:
    """The numbers of its descriptors may be another's by then; and nobody waits for ever."""
    loop = Loop("test-loop")
    loop.start()
    loop.stop()
    others = [os.pipe() for _ in range(5)]
    try:
        seen: list[bool] = []
        loop.call_soon(seen.append, True)
        loop.stop()
        assert seen == [True]
        for read, _ in others:
            os.set_blocking(read, False)
            with pytest.raises(BlockingIOError):
                os.read(read, 1)
    finally:
        for fd in (fd for pair in others for fd in pair):
            os.close(fd)
