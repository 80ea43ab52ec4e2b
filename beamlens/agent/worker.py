"""The thread on which an actor's runs are performed, one after another."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from beamlens.agent.control import Control
from supervision import ReplyFuture

__all__ = ["Job", "Standing", "Worker"]

_REMEMBERED = 32


class Standing(Protocol):
    """Say where a run stands: new, or restored after a crash."""

    @property
    def run_id(self) -> str:
        """Return the run's trace id."""
        ...


S = TypeVar("S", bound=Standing)


@dataclass(slots=True)
class Job(Generic[S]):
    """A run that waits or is on, and who waits for its end."""

    standing: S
    control: Control
    waiting: list[ReplyFuture] = field(default_factory=list)
    begun: bool = False

    @property
    def run_id(self) -> str:
        """Return the run's trace id."""
        return self.standing.run_id


class Worker(Generic[S]):
    """Perform jobs in the order in which they came. Methods: any thread.

    Args:
        perform: performs a job and returns its outcome; what it raises is the end of this process.
        failed: hears what `perform` raised.
        begin: called first, on the worker's thread: puts runs here that a crash interrupted.
        idle: called, with the seconds to wait at most for the next job, whenever there is none; may take its time.
    """

    def __init__(
        self,
        perform: Callable[[Job[S]], Any],
        failed: Callable[[BaseException], None],
        begin: Callable[[], None],
        idle: Callable[[], float | None],
    ) -> None:
        self._perform = perform
        self._failed = failed
        self._begin = begin
        self._idle = idle
        self._lock = threading.Lock()
        self._jobs: dict[str, Job[S]] = {}
        self._queue: queue.SimpleQueue[Job[S] | None] = queue.SimpleQueue()
        self._ended: dict[str, Any] = {}
        self._ready = threading.Event()
        self._early: list[Callable[[], None]] = []
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="beamlens-runs", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def close(self) -> None:
        """Cancel all runs and end the thread, once it can."""
        self._closed = True
        self.cancel(None, "the process stops")
        self._queue.put(None)

    # -- jobs -----------------------------------------------------------------------------------

    def submit(self, standing: S, control: Control, waiting: ReplyFuture | None = None) -> None:
        """Put a run into the queue; if it is there already, wait for that one."""
        run_id = standing.run_id
        with self._lock:
            ended = self._ended.get(run_id)
            job = self._jobs.get(run_id)
            if ended is None:
                if job is None:
                    job = self._jobs[run_id] = Job(standing, control)
                    self._queue.put(job)
                if waiting is not None:
                    job.waiting.append(waiting)
        if ended is not None and waiting is not None:
            waiting.succeed(ended)

    def attach(self, run_id: str | None, waiting: ReplyFuture, unknown: Callable[[], None]) -> None:
        """Wait for a run, or with None for the one that is on; `unknown()` is called when there is none."""
        with self._lock:
            ended = self._ended.get(run_id) if run_id is not None else None
            job = next(iter(self._jobs.values()), None) if run_id is None else self._jobs.get(run_id)
            if job is not None:
                job.waiting.append(waiting)
                return
        if ended is not None:
            waiting.succeed(ended)
        else:
            unknown()

    def when_ready(self, function: Callable[[], None]) -> None:
        """Call `function` once it is known which runs a crash interrupted; on the worker's thread, or at once."""
        with self._lock:
            if not self._ready.is_set():
                self._early.append(function)
                return
        function()

    def cancel(self, run_id: str | None, reason: str = "cancelled") -> int:
        """Cancel a run, or with None all; return how many."""
        with self._lock:
            found = [job for job in self._jobs.values() if run_id in (None, job.run_id)]
        for job in found:
            job.control.cancel(reason)
        return len(found)

    @property
    def waiting(self) -> bool:
        """Tell whether a job waits."""
        return not self._queue.empty()

    @property
    def queued(self) -> int:
        """Return how many jobs wait."""
        with self._lock:
            return sum(not job.begun for job in self._jobs.values())

    # -- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._begin()
            with self._lock:
                self._ready.set()
                early, self._early = self._early, []
            for function in early:
                function()
            while not self._closed:
                self._wait_and_perform()
        except BaseException as error:
            self._failed(error)

    def _wait_and_perform(self) -> None:
        try:
            job = self._queue.get_nowait()
        except queue.Empty:
            patience = self._idle()
            try:
                job = self._queue.get(timeout=patience)
            except queue.Empty:
                return
        if job is not None:
            self._do(job)

    def perform_waiting(self) -> None:
        """Perform the jobs that wait, now. The worker's thread, within another run."""
        while True:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return
            if job is None:
                self._queue.put(None)
                return
            self._do(job)

    def _do(self, job: Job[S]) -> None:
        job.begun = True
        outcome = self._perform(job)
        with self._lock:
            self._jobs.pop(job.run_id, None)
            self._ended[job.run_id] = outcome
            while len(self._ended) > _REMEMBERED:
                self._ended.pop(next(iter(self._ended)))
        for waiting in job.waiting:
            waiting.succeed(outcome)
