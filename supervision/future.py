"""The answer to an ask that is still on its way: a Pykka future that does not stop an event loop."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import pykka

__all__ = ["ReplyFuture", "pass_on"]


class ReplyFuture(pykka.Future[Any]):
    """Hold the answer to one ask, now or later.

    Works as Pykka's `ThreadingFuture`, and adds `add_done_callback`. `await future` suspends the
    coroutine and not the event loop; Pykka's own blocks the whole loop in `get()`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._condition = threading.Condition()
        self._callbacks: list[Callable[[ReplyFuture], None]] = []
        self.actor = ""  # the URN of the actor whose start or end this is about, if any

    # -- Pykka's side -------------------------------------------------------------------------

    def get(self, *, timeout: float | None = None) -> Any:
        """Return the answer, waiting at most `timeout` seconds for it.

        Raises:
            pykka.Timeout: it did not come in time.
            Exception: the answer is an error.
        """
        if self._get_hook is not None:  # asked first: a NotImplementedError of the hook's own is an answer
            return super().get(timeout=timeout)
        if not self.wait(timeout):
            raise pykka.Timeout(f"no answer in {timeout} seconds")
        if self._error is not None:
            raise self._error
        return self._value

    def set(self, value: Any = None) -> None:
        """Set the answer.

        Raises:
            RuntimeError: it is set already.
        """
        if not self.succeed(value):
            raise RuntimeError("the future is set already")

    def set_exception(self, exc_info: Any = None) -> None:
        """Set an exception as the answer: that of `exc_info`, or the one being handled."""
        error = (exc_info or sys.exc_info())[1]
        if not self.fail(error if error is not None else RuntimeError("no exception was given")):
            raise RuntimeError("the future is set already")

    @property
    def is_deferred_reply(self) -> bool:
        """Tell whether a handler that returns this future means its answer: one made by `map` and such is none."""
        return self._get_hook is None

    # -- the asker's side ---------------------------------------------------------------------

    def succeed(self, value: object) -> bool:
        """Set the answer if there is none yet; tell whether it was set. Any thread; never blocks for long."""
        return self._settle(value, None)

    def fail(self, error: BaseException) -> bool:
        """Set an error as the answer if there is none yet; tell whether it was set."""
        return self._settle(None, error)

    @property
    def done(self) -> bool:
        """Tell whether the answer is there."""
        return self._done

    def add_done_callback(self, function: Callable[[ReplyFuture], None]) -> None:
        """Call `function(self)` once the answer is there, on the thread that brings it, or at once."""
        with self._condition:
            if not self._done:
                self._callbacks.append(function)
                return
        function(self)

    def _settle(self, value: object, error: BaseException | None) -> bool:
        with self._condition:
            if self._done:
                return False
            self._value = value
            self._error = error
            self._done = True
            callbacks, self._callbacks = self._callbacks, []
            self._condition.notify_all()
        for function in callbacks:
            function(self)
        return True

    def wait(self, timeout: float | None) -> bool:
        """Wait for the answer without taking it; False when `timeout` seconds ran out first."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._condition:
            while not self._done:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._condition.wait(left)
        return True

    def _before_await(self) -> None:
        """Make sure that the answer comes without this thread waiting for it; for subclasses."""

    def _after_await(self) -> None:
        """Hear that nobody awaits the answer any more; for subclasses."""

    # -- asyncio ------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, None, Any]:
        """Suspend the coroutine until the answer is there; the event loop goes on."""
        return self._arrive().__await__()

    __iter__ = __await__

    async def _arrive(self) -> Any:
        # Here and not above: most programs have no event loop, and children should stay small.
        import asyncio

        loop = asyncio.get_running_loop()
        if self._get_hook is not None:  # made by map, filter, join or reduce: only get() can run it
            return await loop.run_in_executor(None, self.get)
        arrived: asyncio.Future[None] = loop.create_future()

        def settle() -> None:
            if not arrived.done():
                arrived.set_result(None)

        def notify(_: ReplyFuture) -> None:
            with contextlib.suppress(RuntimeError):  # the event loop may end at any moment
                loop.call_soon_threadsafe(settle)

        self._before_await()
        try:
            self.add_done_callback(notify)
            await arrived
        finally:
            self._after_await()
        return self.get()


def pass_on(done: ReplyFuture, pending: Any) -> None:
    """Give the answer that `done` holds to `pending`, by its `succeed` or `fail`."""
    try:
        value = done.get(timeout=0)
    except BaseException as error:
        pending.fail(error)
    else:
        pending.succeed(value)
