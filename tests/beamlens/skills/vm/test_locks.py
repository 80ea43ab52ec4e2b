"""Waits for locks, by looking at stacks alone: who waits, who holds, and who only idles."""

from __future__ import annotations

import logging
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from beamlens.skills.interpreter.locks import LockHistory
from beamlens.skills.interpreter.threads import threads_by_ident
from supervision.testing import wait_until


class Account:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.ended = threading.Event()

    def use(self) -> None:
        while not self.ended.is_set():
            with self.lock:
                self.sleep_inside()

    def sleep_inside(self) -> None:
        time.sleep(0.12)

    def use_by_hand(self) -> None:
        while not self.ended.is_set():
            self.lock.acquire()
            try:
                self.sleep_inside()
            finally:
                self.lock.release()

    def compute_inside(self) -> None:
        while not self.ended.is_set():
            with self.lock:
                ends = time.monotonic() + 0.25
                while time.monotonic() < ends:
                    sum(range(200))


@contextmanager
def _running(function: Callable[[], Any], ended: threading.Event, count: int = 4) -> Iterator[LockHistory]:
    threads = [threading.Thread(target=function) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield LockHistory()
    finally:
        ended.set()
        for thread in threads:
            thread.join(30)


def _look(history: LockHistory, looks: int) -> None:
    """Look as the sampler does, a tenth of a second apart."""
    for _ in range(looks):
        frames = sys._current_frames()
        del frames[threading.get_ident()]
        native_ids = {ident: thread.native_id or 0 for ident, thread in threads_by_ident().items()}
        history.look(time.monotonic(), frames, native_ids)
        frames.clear()
        time.sleep(0.1)


def _worst(history: LockHistory, looks: int = 12) -> dict[str, Any]:
    _look(history, looks)
    worst: dict[str, Any] = history.snapshot()["worst"]
    return worst


@pytest.mark.parametrize("how", ["use", "use_by_hand"])
def test_the_holder_of_a_lock_that_others_wait_for_is_named_while_it_sleeps(how: str) -> None:
    account = Account()
    with _running(getattr(account, how), account.ended) as history:
        worst = _worst(history)
    assert worst["lock"] == "tests.beamlens.skills.vm.test_locks.Account: self.lock"
    assert worst["waiting_max"] == 3
    assert worst["holder_function"] == "Account.sleep_inside"
    assert worst["holder_doing"] == "time.sleep"
    assert worst["holder_waits_part"] > 0.8
    assert worst["longest_wait_ms"] >= 200


def test_a_holder_that_computes_is_not_said_to_wait() -> None:
    account = Account()
    with _running(account.compute_inside, account.ended) as history:
        worst = _worst(history)
    assert worst["holder_function"] == "Account.compute_inside"
    assert worst["holder_waits_part"] < 0.2


def test_threads_that_idle_in_queues_events_and_joins_wait_for_no_lock() -> None:
    ended, jobs = threading.Event(), queue.Queue[None]()

    def idle() -> None:
        jobs.get()

    threads = [threading.Thread(target=idle) for _ in range(5)]
    for thread in threads:
        thread.start()
    try:
        with _running(ended.wait, ended) as history:
            _look(history, 6)
            assert history.snapshot() == {"waiting": 0, "worst": None}
    finally:
        for _ in threads:
            jobs.put(None)
        for thread in threads:
            thread.join()


def test_a_slow_log_handler_is_named_as_what_the_other_threads_wait_for() -> None:
    ended = threading.Event()

    class Slow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            time.sleep(0.12)

    logger = logging.getLogger("test_locks_slow")
    logger.propagate = False
    handler = Slow()
    logger.addHandler(handler)

    def chatter() -> None:
        while not ended.is_set():
            logger.warning("x")

    try:
        with _running(chatter, ended) as history:
            worst = _worst(history)
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert worst["holder_function"].endswith("Slow.emit")
    assert worst["holder_waits_part"] > 0.8
    assert worst["waiting_max"] == 3


def test_a_lock_that_is_free_most_of_the_time_is_not_contended() -> None:
    ended, lock = threading.Event(), threading.Lock()

    def polite() -> None:
        while not ended.wait(0.002):
            with lock:
                sum(range(50))

    with _running(polite, ended) as history:
        _look(history, 10)
        worst = history.snapshot()["worst"]
    assert worst is None or worst["contended_part"] < 0.3


def test_waits_end_when_the_lock_is_given_back() -> None:
    def waiting() -> int | None:
        _look(history, 1)
        now: int | None = history.snapshot()["waiting"]
        return now

    account = Account()
    account.lock.acquire()
    try:
        with _running(account.use, account.ended, count=2) as history:
            try:
                wait_until(lambda: waiting() == 2)
            finally:
                account.ended.set()
                account.lock.release()
            wait_until(lambda: waiting() == 0)
    finally:
        account.ended.set()
