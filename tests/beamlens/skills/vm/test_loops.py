"""What counts as a block of an event loop: not what a thread that gets no processor happens to stand at."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from beamlens.skills.interpreter import starvation
from beamlens.skills.interpreter.loops import LoopWatch, blocking_place
from supervision.testing import wait_until

_FILE = "tests/beamlens/skills/vm/test_loops.py"


@contextmanager
def _standing(act: Callable[[], object], at: str, let_go: Callable[[], object]) -> Iterator[Any]:
    """Yield the innermost frame of a thread that acts, once it stands in the function `at`."""
    thread = threading.Thread(target=act)
    thread.start()
    ident = thread.ident or 0
    try:
        wait_until(lambda: sys._current_frames()[ident].f_code.co_qualname == at)
        yield sys._current_frames()[ident]
    finally:
        let_go()
        thread.join(20)


def test_a_wait_of_the_application_is_its_own_doing() -> None:
    event = threading.Event()
    with _standing(lambda: event.wait(), "Condition.wait", event.set) as frame:
        place = blocking_place(frame)
        assert place is not None
        assert place.at.startswith(f"{_FILE}:")


def test_the_start_of_a_thread_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    late = threading.Thread(target=lambda: None)
    begun: Any = late._started  # type: ignore[attr-defined]
    starter = "_start_joinable_thread" if hasattr(threading, "_start_joinable_thread") else "_start_new_thread"

    def start() -> None:
        monkeypatch.setattr(threading, starter, lambda *_, **__: None)
        late.start()

    def let_go() -> None:
        monkeypatch.undo()
        begun.set()

    with _standing(start, "Condition.wait", let_go) as frame:
        assert blocking_place(frame) is None
    threading._limbo.pop(late, None)  # type: ignore[attr-defined]


def test_asyncio_at_a_socket_of_its_own_is_none() -> None:
    loop: Any = asyncio.SelectorEventLoop()
    ours, theirs = socket.socketpair()
    mine, loop._csock = loop._csock, ours
    _fill(ours)

    def let_go() -> None:
        theirs.recv(1 << 20)

    try:
        with _standing(loop._write_to_self, "BaseSelectorEventLoop._write_to_self", let_go) as frame:
            assert blocking_place(frame) is None
    finally:
        loop._csock = mine
        loop.close()
        ours.close()
        theirs.close()


def _fill(sock: socket.socket) -> None:
    sock.setblocking(False)
    with suppress(BlockingIOError):
        while sock.send(b"x" * 4096):
            pass
    sock.setblocking(True)


@pytest.mark.parametrize(("part", "found"), [(0.0, True), (0.3, True), (1.0, False)])
def test_the_wait_for_a_processor_is_taken_off(monkeypatch: pytest.MonkeyPatch, part: float, found: bool) -> None:
    monkeypatch.setattr(starvation, "thread_delay_seconds", lambda _native_id: part * time.monotonic())
    watch, over = LoopWatch(), threading.Event()

    async def serve() -> None:
        await asyncio.sleep(0.5)
        _block()
        while not over.is_set():
            await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    began = time.monotonic()

    def look() -> bool:
        watch.look(time.monotonic(), {thread.ident or 0: sys._current_frames()[thread.ident or 0]}, {})
        return time.monotonic() - began > 2.0

    try:
        wait_until(look, timeout=30, interval=0.05)
        [row] = watch.snapshot({})
        blocks = [block for block in watch.blocks(50) if block["func"] == "_block"]
    finally:
        over.set()
        thread.join(20)
    assert bool(blocks) is found
    if found:
        assert blocks[0]["starved_ms"] == pytest.approx(part * blocks[0]["ms"], abs=60)
        assert row["usual_place"]["func"] == "_block"
        assert row["usual_place"]["ms"] <= (1 - part) * 1000 + 200


def _block() -> None:
    time.sleep(0.8)
