"""Run the calls of one skill on a thread of its own: a skill that hangs costs one thread and nobody else.

Calls are performed one after the other. A call that is over its deadline is given up: its caller is answered, the
call goes on (a thread cannot be ended), and until it ends every further call is refused at once as `busy`.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from beamlens.errors import SkillError
from beamlens.probe import events, watchdog
from beamlens.probe.calls import Calls
from beamlens.probe.faults import Redact, redacted_error, skill_error, unredacted
from beamlens.probe.messages import SNAPSHOT, Answer
from beamlens.probe.specs import SkillSpec
from beamlens.skills.skill import Skill
from supervision.future import ReplyFuture

__all__ = ["QUEUE", "SkillRunner"]

logger = logging.getLogger("beamlens.probe")

QUEUE: Final = 16
"""How many calls of one skill may wait for their turn."""

START: Final = "start"
STOP: Final = "stop"


@dataclass(eq=False, slots=True)
class _Job:
    """Keep one call: as a key it is equal to itself alone."""

    name: str
    args: Sequence[Any]
    seconds: float
    future: ReplyFuture = field(default_factory=ReplyFuture)
    begun: float = 0.0


class SkillRunner:
    """Run one skill. Any thread may call; nothing here blocks.

    The instance is constructed, started and stopped on the skill's thread as well; that thread begins with the
    first call. A start that fails is tried again by the next call.

    Args:
        spec: what it is and how it is made.
        redact: takes plain data and returns it without secrets.
        pid: of the observed process.
        peers: returns the snapshots of other skills, see `Skill.peers`.
    """

    def __init__(
        self, spec: SkillSpec, redact: Redact = unredacted, pid: int | None = None, peers: Callable[[], Any] = dict
    ) -> None:
        self.spec = spec
        self._peers = peers
        self.ended = ReplyFuture()
        self._redact = redact
        self._pid = os.getpid() if pid is None else pid
        self._changed = threading.Condition()
        self._queue: deque[_Job] = deque()
        self._current: _Job | None = None
        self._stuck = False
        self._closed = False
        self._thread: threading.Thread | None = None
        self._calls: Calls | None = None
        self._stop: Any = None

    @property
    def name(self) -> str:
        """The skill's name."""
        return self.spec.name

    @property
    def skill(self) -> Skill | None:
        """The instance; None while it is not started. For tests: its own thread uses it."""
        return None if self._calls is None else self._calls.skill

    def limit(self, name: str) -> float:
        """Return how many seconds a call may take by the skill's own declaration."""
        skill = self.spec.skill
        return skill.snapshot_seconds if name == SNAPSHOT else skill.callback_seconds

    def submit(self, name: str, args: Sequence[Any] = (), seconds: float | None = None) -> ReplyFuture:
        """Have a call performed; return the future of its `Answer`, which fails with nothing but a `SkillError`.

        Args:
            name: `snapshot`, `callback_docs`, `checks`, `describe`, `names`, `start`, or that of a callback.
            args: of a callback; plain data.
            seconds: how long it may take, the wait for its turn included; None or more means the skill's limit.
        """
        limit = self.limit(name)
        job = _Job(name, args, limit if seconds is None or math.isnan(seconds) else min(seconds, limit))
        with self._changed:
            refusal = self._refusal()
            if refusal is None:
                self._queue.append(job)
                watchdog.shared.watch(job, time.monotonic() + job.seconds, lambda: self._expire(job))
                refusal = self._wake()
            if refusal is not None and self._queue and self._queue[-1] is job:
                self._queue.pop()
        if refusal is not None:
            self._fail(job, refusal)
        return job.future

    def close(self) -> ReplyFuture:
        """Refuse further calls, fail the open ones as `gone`, stop the skill; return the future of the thread's end.

        The future is settled at once if there never was a thread; it may stay open for ever if a call is stuck.
        """
        with self._changed:
            self._closed = True
            waiting = [*self._queue, *([self._current] if self._current is not None else [])]
            self._queue.clear()
            idle = self._thread is None
            self._changed.notify_all()
        for job in waiting:
            self._fail(job, SkillError("gone", f"the skill {self.name} was stopped before {job.name}() had ended"))
        if idle:
            self.ended.succeed(None)
        return self.ended

    # -- any thread -------------------------------------------------------------------------------

    def _refusal(self) -> SkillError | None:
        if self._closed:
            return SkillError("gone", f"the skill {self.name} was stopped")
        current = self._current
        if current is not None and self._stuck:
            return _busy(current)
        if len(self._queue) >= QUEUE:
            return SkillError("busy", f"{len(self._queue)} calls of the skill {self.name} wait already; ask less often")
        return None

    def _wake(self) -> SkillError | None:
        """Let the thread see that there is a call; start it if there is none."""
        if self._thread is not None:
            self._changed.notify_all()
            return None
        try:
            self._thread = self._started_thread()
        except RuntimeError as error:
            return SkillError("refused", f"no thread could be started for the skill {self.name}: {error}")
        return None

    def _started_thread(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name=f"beamlens-{self.name}", daemon=True)
        watchdog.shared.enter()
        try:
            thread.start()
        except RuntimeError:
            watchdog.shared.leave()
            raise
        return thread

    def _expire(self, job: _Job) -> None:
        """Give up a call whose time is over. The watchdog's thread."""
        with self._changed:
            refused: list[_Job] = []
            current = self._current
            if current is job and not job.future.done:
                self._stuck = True
                refused = list(self._queue)
                self._queue.clear()
            elif job in self._queue:
                self._queue.remove(job)
                refused = [job]
        if current is job:
            text = f"{job.name}() took longer than {job.seconds:g} s and was given up; it may still be running"
            self._fail(job, SkillError("timeout", text))
        for each in refused:
            self._fail(
                each, _busy(current) if current is not None else SkillError("timeout", "it had no time to begin")
            )

    def _fail(self, job: _Job, error: SkillError) -> None:
        watchdog.shared.forget(job)
        if job.future.fail(error):
            events.call_failed(self.name, job.name, error)

    # -- the skill's thread -----------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while (job := self._next()) is not None:
                _guarded(self._perform, job)
            self._stop_skill()
        finally:
            watchdog.shared.leave()
            self.ended.succeed(None)

    def _next(self) -> _Job | None:
        with self._changed:
            self._current = None
            self._stuck = False
            while not self._queue and not self._closed:
                self._changed.wait()
            if not self._queue:
                return None
            self._current = self._queue.popleft()
            self._current.begun = time.monotonic()
            return self._current

    def _perform(self, job: _Job) -> None:
        try:
            calls = self._started()
            answer = Answer(self.name) if job.name == START else calls.perform(job.name, job.args)
        except SkillError as error:
            self._fail(job, error)
        else:
            watchdog.shared.forget(job)
            job.future.succeed(answer)

    def _started(self) -> Calls:
        if self._calls is None:
            try:
                skill = self.spec.make()
                skill.pid = self._pid
                skill.peers = self._peers
                self._stop = skill.stop
                skill.start()
                self._calls = Calls(skill, self._redact)
            except BaseException as error:
                self._stop_skill()
                fault = skill_error(error, f"{self.spec.skill.__qualname__} could not be started: it")
                raise redacted_error(fault, self._redact) from None
        return self._calls

    def _stop_skill(self) -> None:
        """Let the skill put back what it changed, also after a start that went half way."""
        stop, self._stop, self._calls = self._stop, None, None
        if stop is None:
            return
        try:
            stop()
        except BaseException as error:
            events.call_failed(self.name, STOP, redacted_error(skill_error(error, "stop()"), self._redact))


def _busy(current: _Job) -> SkillError:
    return SkillError(
        "busy",
        f"{current.name}() has been running for {time.monotonic() - current.begun:.1f} s, its limit was "
        f"{current.seconds:g} s, and the skill does one thing at a time; try again later",
    )


def _guarded(perform: Callable[[_Job], None], job: _Job) -> None:
    try:
        perform(job)
    except BaseException:
        # What is called back with the answer is not the skill's fault: its thread must go on.
        logger.exception("the answer to %s() could not be given", job.name)
