"""The one thread that owns sockets, death notices and timers, and on which supervisors decide.

A supervisor is not a thread of its own: each hop between threads costs one to three tenths of a
millisecond, and a restart would pay two. Nothing that runs here may block; user code never runs here.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable

from supervision.process.poller import READ, make_poller

__all__ = ["Loop", "Timer"]

logger = logging.getLogger("supervision")

_AFTER_SECONDS = 0.0005
_LONGEST_WAIT = 86_400.0  # seconds; epoll takes no more than some weeks

Callback = Callable[[int], object]


class Timer:
    """Stand for a call that is due later; `cancel` makes it void. Safe from any thread."""

    __slots__ = ("callback", "cancelled")

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Make the call void if it has not begun."""
        self.cancelled = True
        self.callback = _nothing


def _nothing() -> None:
    """Do nothing: what a cancelled timer calls, so that it keeps nothing alive."""


class Loop:
    """Run callbacks for descriptors, timers and other threads, one at a time, on one daemon thread.

    Attributes:
        poller: what the thread waits on.
        callbacks: whom to call for a descriptor that is ready; for the loop's thread alone.
    """

    def __init__(self, name: str = "supervision-loop") -> None:
        self.poller = make_poller()
        self.callbacks: dict[int, Callback] = {}
        self._calls: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._later: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = itertools.count()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._awake = False
        self._running = True
        self._ended = False
        self._ident: int | None = None
        self._end_lock = threading.Lock()
        self.poller.add(self._wake_read, READ)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def on_thread(self) -> bool:
        """Tell whether the caller is the loop's own thread."""
        return threading.get_ident() == self._ident

    @property
    def thread(self) -> threading.Thread:
        """The loop's thread."""
        return self._thread

    def call_soon(self, function: Callable[..., object], *args: object) -> None:
        """Have `function(*args)` called on the loop's thread. Safe from any thread, never blocks."""
        self._calls.append((function, args))
        if not self._awake and not self.on_thread:
            self._awake = True
            self._wake()
        if self._ended:
            self._run_calls()  # nobody else will: who waits is told that everything is over

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Have `callback()` called on the loop's thread in `delay` seconds. Safe from any thread."""
        timer = Timer(callback)
        due = time.monotonic() + delay
        if self.on_thread:
            heapq.heappush(self._timers, (due, next(self._count), timer))
        else:
            self.call_soon(self._add_timer, due, timer)
        return timer

    def call_soon_after(self, function: Callable[..., object], *args: object) -> None:
        """Have `function(*args)` called once the loop has slept a moment, in order. Loop thread only.

        For what nobody waits for: until the loop sleeps, threads that it has just woken cannot run, since
        it holds the interpreter, and a process that it has just written to may have to wait for its processor.
        """
        self._later.append((function, args))
        if len(self._later) == 1:
            self.call_later(_AFTER_SECONDS, self._run_later)

    def _run_later(self) -> None:
        while self._later:
            function, args = self._later.popleft()
            self._guard(function, *args)

    def watch(self, fd: int, interest: int, callback: Callback) -> None:
        """Call `callback(READ | WRITE)` whenever the descriptor is ready. Loop thread only."""
        self.callbacks[fd] = callback
        self.poller.add(fd, interest)

    def unwatch(self, fd: int) -> None:
        """Cease to watch a descriptor. Loop thread only."""
        if self.callbacks.pop(fd, None) is not None:
            self.poller.remove(fd)

    def stop(self, timeout: float = 5.0) -> None:
        """End the thread and give back its descriptors; what is queued before is still called."""
        self.call_soon(self._end)
        if not self.on_thread:
            self._thread.join(timeout)

    def descriptors(self) -> set[int]:
        """Return the descriptors that the loop itself holds."""
        return {self.poller.fileno(), self._wake_read, self._wake_write}

    def discard(self) -> None:
        """Close the descriptors in a forked copy, where the thread does not exist."""
        self._running = False
        self._end_lock = threading.Lock()  # another thread may have held it
        self._ident = None
        self._awake = True  # nothing is written to the number of a descriptor that may be another's by then
        for close in (
            self.poller.close,
            lambda: os.close(self._wake_read),
            lambda: os.close(self._wake_write),
        ):
            try:
                close()
            except OSError as error:
                logger.debug("closing a descriptor of a forked copy: %s", error)

    def _add_timer(self, due: float, timer: Timer) -> None:
        heapq.heappush(self._timers, (due, next(self._count), timer))

    def _end(self) -> None:
        self._running = False

    def _wake(self) -> None:
        with self._end_lock:
            if self._ended:
                return  # the number of the descriptor may be another's by now
            try:
                os.write(self._wake_write, b"\0")
            except BlockingIOError:
                return  # the pipe is full of wake-ups already

    def _run(self) -> None:
        self._ident = threading.get_ident()
        while self._running:
            self._turn()
        self._run_later()
        self._ident = None  # another thread may be given the same number
        with self._end_lock:
            self._ended = True
            self.poller.close()
            os.close(self._wake_read)
            os.close(self._wake_write)
        self._run_calls()

    def _turn(self) -> None:
        for fd, ready in self.poller.wait(self._timeout()):
            if fd == self._wake_read:
                self._drain_wakes()
                continue
            callback = self.callbacks.get(fd)
            if callback is not None:
                self._guard(callback, ready)
        self._run_calls()
        self._run_timers()

    def _timeout(self) -> float | None:
        if self._calls:
            return 0.0
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return min(_LONGEST_WAIT, max(0.0, self._timers[0][0] - time.monotonic()))

    def _drain_wakes(self) -> None:
        # Read first: a call queued between the two lines finds the flag set, and is run just below.
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            logger.debug("a wake-up without a byte")
        self._awake = False

    def _run_calls(self) -> None:
        # Only what is there now: a call that queues itself again must not starve the descriptors.
        for _ in range(len(self._calls)):
            try:
                function, args = self._calls.popleft()
            except IndexError:
                return  # after the end several threads may be here
            self._guard(function, *args)

    def _run_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if not timer.cancelled:
                self._guard(timer.callback)

    def _guard(self, function: Callable[..., object], *args: object) -> None:
        # A defect in one callback must not end the supervision of everything else.
        try:
            function(*args)
        except BaseException:
            logger.exception("internal error in %r; supervision goes on", function)
