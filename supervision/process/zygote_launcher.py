"""The launcher for Linux: spares forked ahead of need by a zygote.

A restart is then one message to a process that waits. Spares are refilled to a level, a moment later,
never on the way of a restart. When the zygote dies, its children live on and another is started.
Modules that actors needed are learned: another zygote is started that imports them, and takes over when
it is sound (one thread, nothing failed); until then they are imported at each promotion.
"""

from __future__ import annotations

import logging
from collections import deque

from supervision.exits import ExitReason
from supervision.process.child_process import ChildProcess
from supervision.process.launcher import Launcher, Request
from supervision.process.loop import Loop
from supervision.process.protocol import READY
from supervision.process.settings import Settings
from supervision.process.zygote_process import Surroundings, ZygoteProcess
from supervision.reports import report_event

__all__ = ["ZygoteLauncher"]

logger = logging.getLogger("supervision")

_REFILL_SECONDS = 0.010
_LEARN_SECONDS = 0.5
_FAILURES = 3
_STUCK_SECONDS = 10.0


class _Spare:
    """Own a process until it is promoted."""

    def __init__(self, launcher: ZygoteLauncher, generation: int) -> None:
        self._launcher = launcher
        self.generation = generation
        self.process: ChildProcess | None = None
        self.retired = False  # of a zygote that was replaced: its end is ours and means nothing

    def on_frame(self, content: list[object]) -> None:
        if content[0] == READY and self.process is not None:
            self._launcher.spare_ready(self)

    def on_dead(self) -> bool:
        """Wait for `on_gone`: nothing is urgent."""
        return False

    def on_gone(self, _reason: ExitReason) -> None:
        if not self.retired:
            self._launcher.spare_gone(self)

    def retire(self) -> None:
        self.retired = True
        if self.process is not None:
            self.process.kill()


class ZygoteLauncher:
    """Hand out spares; keep as many ready as are wanted. Loop thread only.

    Args:
        loop: the application's loop.
        settings: limits, spares, preloaded modules.
        fallback: makes processes where forking turned out to be impossible.
    """

    def __init__(self, loop: Loop, settings: Settings, fallback: Launcher) -> None:
        self._loop = loop
        self._settings = settings
        self._fallback = fallback
        self._surroundings = Surroundings.of_this_moment()
        self._level = settings.spares
        self._requests: deque[Request] = deque()
        self._ready: deque[_Spare] = deque()
        self._unready: set[_Spare] = set()
        self._ordered = 0
        self._expected = 0
        self._arrived = 0
        self._watching = False
        self._failures = 0
        self._generation = 0
        self._refill_due = False
        self._learned: set[str] = set()
        self._unsound: set[str] = set()
        self._learn_due = False
        self._stopped = False
        self._old: list[ZygoteProcess] = []
        self._dying: list[ZygoteProcess] = []
        self._candidate: ZygoteProcess | None = None
        self._zygote: ZygoteProcess | None = None

    # -- the launcher's side ------------------------------------------------------------------

    def request(self, request: Request) -> None:
        """Hand over a spare, now or when one is ready."""
        self._expected = max(0, self._expected - 1)
        if self._failures >= _FAILURES:
            self._fallback.request(request)
            return
        if self._ready and not self._requests:
            self._hand_over(self._ready.popleft(), request)
        else:
            self._requests.append(request)
            self._balance()
            if not self._watching:
                self._watching = True
                self._watch_zygote()

    def reserve(self, count: int) -> None:
        """Have `count` more spares ready from now on; negative gives them back."""
        self._level = max(self._settings.spares, self._level + count)
        self._refill_later()

    def expect(self, count: int, modules: set[str]) -> None:
        """Have processes for the next `count` requests forked in bulk; the first zygote imports the modules."""
        self._expected += count
        if self._zygote is None:
            self._learned |= modules - self._unsound
        if self._failures < _FAILURES:
            self._balance(spares=self._expected)

    def learn(self, module: str) -> None:
        """Have the next zygote import this module."""
        if module in self._learned or module in self._unsound:
            return
        self._learned.add(module)
        if not self._learn_due:
            self._learn_due = True
            self._loop.call_later(_LEARN_SECONDS, self._start_candidate)

    def stop(self) -> None:
        """End the spares and the zygotes."""
        self._stopped = True
        for spare in [*self._ready, *self._unready]:
            if spare.process is not None:
                spare.process.kill()
        for zygote in self._zygotes():
            zygote.stop()
        self._fallback.stop()

    def pids(self) -> list[int]:
        """Return the processes that are no actors: spares and zygotes."""
        spares = [spare.process.pid for spare in [*self._ready, *self._unready] if spare.process is not None]
        zygotes = [zygote.pid for zygote in self._zygotes() + self._dying if not zygote.reaped]
        return spares + zygotes + self._fallback.pids()

    def descriptors(self) -> set[int]:
        """Return the descriptors that are held for the processes of `pids`."""
        spares = [spare.process for spare in [*self._ready, *self._unready] if spare.process is not None]
        zygotes = {zygote.fileno() for zygote in self._zygotes()}
        return zygotes.union(self._fallback.descriptors(), *(process.descriptors() for process in spares))

    def discard(self) -> None:
        """Close our descriptors in a forked copy of the application."""
        for spare in [*self._ready, *self._unready]:
            if spare.process is not None:
                spare.process.discard()
        for zygote in self._zygotes():
            zygote.discard()
        self._fallback.discard()

    def _zygotes(self) -> list[ZygoteProcess]:
        return [zygote for zygote in (self._zygote, self._candidate, *self._old) if zygote is not None]

    # -- spares -------------------------------------------------------------------------------

    def _hand_over(self, spare: _Spare, request: Request) -> None:
        assert spare.process is not None
        request.taken(spare.process)
        self._refill_later()

    def spare_ready(self, spare: _Spare) -> None:
        """Hear that a spare waits for its promotion."""
        if spare.retired:
            return
        self._unready.discard(spare)
        self._failures = 0
        self._arrived += 1
        while self._requests and self._requests[0].cancelled:
            self._requests.popleft()
        if self._requests:
            self._hand_over(spare, self._requests.popleft())
        elif self._stopped and spare.process is not None:
            spare.process.kill()
        else:
            self._ready.append(spare)

    def spare_gone(self, spare: _Spare) -> None:
        """Hear that a spare died before it was used."""
        self._unready.discard(spare)
        if spare in self._ready:
            self._ready.remove(spare)
        elif not self._stopped:
            self._failures += 1
        self._refill_later()

    def _refill_later(self) -> None:
        if not self._refill_due and not self._stopped:
            self._refill_due = True
            self._loop.call_later(_REFILL_SECONDS, self._refill)

    def _refill(self) -> None:
        self._refill_due = False
        self._balance(spares=max(self._level, self._expected))

    def _balance(self, spares: int = 0) -> None:
        """Order what is missing: to a level, not one for each that was taken, or the number would drift."""
        if self._stopped:
            return
        if self._failures >= _FAILURES:
            self._give_up("its processes died before they were ready")
            return
        if self._zygote is None:
            try:
                self._zygote = self._start_zygote(sorted(self._learned))
            except OSError as error:
                self._fail_requests(f"the fork server could not be started: {error}")
                return
        missing = len(self._requests) + spares - len(self._ready) - len(self._unready) - self._ordered
        if missing > 0:
            self._ordered += missing
            self._zygote.order(missing, rehearsed=not self._requests and not self._expected)

    def _give_up(self, why: str) -> None:
        report_event("zygote", "given_up", {}, {"why": why})
        logger.error("cannot fork actors (%s); they are spawned from now on, which is slower", why)
        requests, self._requests = self._requests, deque()
        for request in requests:
            self._fallback.request(request)

    # -- the zygote ---------------------------------------------------------------------------

    def _start_zygote(self, learned: list[str]) -> ZygoteProcess:
        self._generation += 1
        return ZygoteProcess(self._loop, self._settings, learned, self._surroundings, self._generation, self)

    def forked(self, zygote: ZygoteProcess, process: ChildProcess, spare: _Spare) -> None:
        """Take a process that was forked."""
        spare.process = process
        if zygote is self._zygote:
            self._ordered = max(0, self._ordered - 1)
            self._unready.add(spare)
        else:
            spare.retire()

    def new_spare(self, zygote: ZygoteProcess) -> _Spare:
        """Return the owner of a process to come."""
        return _Spare(self, zygote.generation)

    def refused(self, zygote: ZygoteProcess, why: str) -> None:
        """Hear that the zygote does not fork."""
        self._ordered = 0
        report_event("zygote", "refused", {}, {"why": why})
        logger.warning("the fork server refuses to fork: %s", why)
        self._failures += 1
        if "descriptor left" in why or "fork:" in why:
            self._fail_requests(why)
        elif zygote is self._zygote:
            self._retire(zygote)
            self._unsound |= self._learned
            self._learned.clear()
            self._zygote = None
            self._balance(spares=self._level)

    def lost(self, zygote: ZygoteProcess) -> None:
        """Hear that a process was forked for which the application had no descriptor left."""
        if zygote is self._zygote:
            self._ordered = max(0, self._ordered - 1)
            self._fail_requests("the application has no descriptor left")

    def _fail_requests(self, why: str) -> None:
        self._failures = 0  # a shortage passes: the next request tries again
        requests, self._requests = self._requests, deque()
        for request in requests:
            request.failed(why)

    def zygote_gone(self, zygote: ZygoteProcess) -> None:
        """Hear that a zygote is gone; its children live on."""
        self._dying = [dying for dying in self._dying if not dying.reaped] + [zygote]
        if zygote in self._old:
            self._old.remove(zygote)
        elif zygote is self._candidate:
            self._candidate = None
            self._unsound |= self._learned
        elif zygote is self._zygote and self._stopped:
            self._zygote = None
        elif zygote is self._zygote:
            self._zygote = None
            self._ordered = 0
            self._failures += 0 if zygote.was_ready else 1
            report_event("zygote", "down", {}, {"pid": zygote.pid})
            logger.warning("the fork server %s is gone; another is started, the actors live on", zygote.pid)
            self._balance(spares=self._level)

    def _watch_zygote(self) -> None:
        # Only while somebody waits for a process: nothing wakes up when nothing is to be done.
        zygote, arrived = self._zygote, self._arrived
        self._loop.call_later(_STUCK_SECONDS, lambda: self._check_zygote(zygote, arrived))

    def _check_zygote(self, zygote: ZygoteProcess | None, arrived: int) -> None:
        if not self._requests or self._stopped:
            self._watching = False
            return
        if zygote is not None and zygote is self._zygote and zygote.was_ready and arrived == self._arrived:
            report_event("zygote", "stuck", {}, {"pid": zygote.pid})
            logger.warning("the fork server %s does not answer; it is killed and another started", zygote.pid)
            zygote.kill()
        self._watch_zygote()

    # -- learning -----------------------------------------------------------------------------

    def _start_candidate(self) -> None:
        self._learn_due = False
        if not self._stopped and self._candidate is None:
            try:
                self._candidate = self._start_zygote(sorted(self._learned))
            except OSError as error:
                logger.warning("nothing is learned: a fork server could not be started: %s", error)

    def zygote_ready(self, zygote: ZygoteProcess, threads: list[str], failed: dict[str, str]) -> None:
        """Hear that a zygote has imported what it was told to."""
        sound = len(threads) == 1 and not failed
        report_event("zygote", "ready", {}, {"pid": zygote.pid, "sound": sound, "failed": sorted(failed)})
        if zygote is not self._candidate:
            return
        self._candidate = None
        if not sound:
            self._unsound |= set(zygote.learned)
            self._learned -= self._unsound
            why = f"threads: {', '.join(threads)}" if len(threads) > 1 else f"failed: {', '.join(failed)}"
            logger.warning("not learned, imported at each start instead: %s (%s)", ", ".join(zygote.learned), why)
            zygote.stop()
            self._old.append(zygote)
            return
        self._take_over(zygote)

    def _take_over(self, zygote: ZygoteProcess) -> None:
        if self._zygote is not None:
            self._retire(self._zygote)
        self._zygote = zygote
        self._ordered = 0
        stale = [spare for spare in [*self._ready, *self._unready] if spare.generation < zygote.generation]
        self._ready = deque(spare for spare in self._ready if spare not in stale)
        self._unready -= set(stale)
        self._balance(spares=self._level)
        for spare in stale:
            spare.retire()

    def _retire(self, zygote: ZygoteProcess) -> None:
        self._old.append(zygote)
        zygote.retire()
