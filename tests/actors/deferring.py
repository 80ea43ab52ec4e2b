"""Actors that answer later, for the tests; found by name in other processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import Any

import pykka

from supervision import ProcessActor
from supervision.future import ReplyFuture


def answer_later(held: list[ReplyFuture], message: Any) -> Any:
    """Keep the asks that say `hold`, and settle them all when `release` comes."""
    if message == "hold":
        held.append(ReplyFuture())
        return held[-1]
    if message == "map":
        return ReplyFuture().map(str)
    if message == "raise":
        future = ReplyFuture()
        threading.Thread(target=future.fail, args=(LookupError("nothing there"),)).start()
        return future
    if message == "unpackable":
        future = ReplyFuture()
        future.succeed(object())
        return future
    if isinstance(message, tuple) and message[0] == "release":
        for future in held:
            future.succeed(message[1])
        return len(held)
    return message


class Deferring(ProcessActor):
    """Answer later, in a process."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[ReplyFuture] = []

    def held_call(self) -> Any:
        return self.on_receive("hold")

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, tuple) and message[0] == "ask":
            return message[1].ask(message[2], block=False)
        return answer_later(self.held, message)


class DeferringThread(pykka.ThreadingActor):
    """Answer later, on a thread of the application."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[ReplyFuture] = []

    def on_receive(self, message: Any) -> Any:
        return answer_later(self.held, message)


class Secretive(ProcessActor):
    """Tell an environment variable, which its class asks for by the name that it was started with."""

    def __init__(self, wanted: str = "") -> None:
        super().__init__()

    @classmethod
    def environment(cls, wanted: str = "") -> Iterable[str]:
        return (wanted,) if wanted else ()

    def on_receive(self, name: Any) -> Any:
        with open("/proc/self/environ", "rb") as block:
            return os.environ.get(name), name.encode() in block.read()
