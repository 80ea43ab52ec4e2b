"""Who waits for an answer."""

from __future__ import annotations

import threading
from typing import Protocol

from supervision.errors import ProtocolError, RemoteError

__all__ = ["Pending", "Waiter", "as_error"]


def as_error(value: object) -> Exception:
    """Return what an asker is to raise for an error reply.

    `SystemExit` or `KeyboardInterrupt` of a handler must not end the asker's program as well, so these
    arrive as `RemoteError`.
    """
    if isinstance(value, Exception):
        return value
    if isinstance(value, BaseException):
        return RemoteError(type(value).__name__, str(value), str(value.__cause__ or ""))
    return ProtocolError(f"an error reply must hold an exception, not {type(value).__name__}")


class Pending(Protocol):
    """Wait for the answer to one ask. Called on whichever thread reads the answer; must not block."""

    def succeed(self, value: object) -> object:
        """Take the answer."""

    def fail(self, error: BaseException) -> object:
        """Take an error in place of the answer."""


class Waiter:
    """Let one thread wait for one answer, without the price of a Future."""

    __slots__ = ("_lock", "done", "error", "value")

    def __init__(self) -> None:
        self.done = False
        self.value: object = None
        self.error: BaseException | None = None
        self._lock: threading.Lock | None = None  # made by a wait that must block

    def succeed(self, value: object) -> None:
        """Take the answer and wake the thread."""
        if not self.done:
            self.value = value
            self._finish()

    def fail(self, error: BaseException) -> None:
        """Take an error and wake the thread."""
        if not self.done:
            self.error = error
            self._finish()

    def _finish(self) -> None:
        # In this order: who waits sets the lock first and then looks whether it is done.
        self.done = True
        if self._lock is not None:
            self._lock.release()

    def wait(self, seconds: float | None) -> bool:
        """Wait until there is an answer; False when the time ran out first. One thread, once at a time."""
        lock = threading.Lock()
        lock.acquire()
        self._lock = lock
        if not self.done:
            lock.acquire(timeout=-1 if seconds is None else max(0.0, seconds))
        self._lock = None
        return self.done

    def result(self) -> object:
        """Return the answer or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value
