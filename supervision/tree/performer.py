"""One supervisor at work: feeds the decisions with what happened, and performs what they say.

It runs on the application's loop, not on a thread of its own, so that a death, the decision and the
message that makes a spare the replacement are one stretch of code.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

import pykka

from supervision import decisions
from supervision.errors import RequestError
from supervision.exits import KILLED, NOPROC, ExitReason
from supervision.future import ReplyFuture
from supervision.process.application import Application
from supervision.process.loop import Timer
from supervision.process.orders import Orders
from supervision.process.slot import Slot, Way
from supervision.reports import report_event, report_log, report_progress, report_supervisor
from supervision.spec import ChildSpec
from supervision.tree.answers import grant, refusal
from supervision.tree.reporting import offender_fields
from supervision.tree.runner import Entry, Runner
from supervision.tree.runners import make_runner

__all__ = ["Performer"]

logger = logging.getLogger("supervision")


class Performer:
    """Be one supervisor, from its boot to its end. Loop thread, but where said otherwise.

    Args:
        app: the application.
        name: how reports call it.
        state: from `decisions.initial`.
        on_booted: called with None, or with the reason for which the start failed.
        on_finished: called with the exit reason, at the very end.
    """

    def __init__(
        self,
        app: Application,
        name: str,
        state: decisions.State,
        on_booted: Callable[[object], None],
        on_finished: Callable[[ExitReason], None],
    ) -> None:
        self.app = app
        self.name = name
        self.state = state
        self.entries: dict[Any, Entry] = {}
        self.errors: dict[Any, BaseException | None] = {}
        self._last_error: BaseException | None = None
        self._on_booted = on_booted
        self._on_finished = on_finished
        self._events: deque[decisions.Event] = deque()
        self._feeding = False
        self._requests: dict[int, ReplyFuture] = {}
        self._request_count = 0
        self._timers: dict[int, Timer] = {}
        self._kill_timers: dict[Runner, Timer] = {}
        self._orders: dict[Any, tuple[ChildSpec, Orders]] = {}
        self._unsettled: set[Any] = set()
        self._early: dict[Runner, tuple[decisions.AtOnce, int]] = {}
        self._killed = False
        self._watchers: list[Callable[[ExitReason], object]] = []
        self.reason: ExitReason | None = None
        self.gave_up = False

    # -- events ---------------------------------------------------------------------------------

    def feed(self, event: decisions.Event) -> None:
        """Tell the decisions what happened, and perform what follows."""
        self._events.append(event)
        if self._feeding:
            return
        self._feeding = True
        try:
            while self._events:
                self._step(self._events.popleft())
            self._settle_slots()
        finally:
            self._feeding = False
        self.app.board.touch()

    def _step(self, event: decisions.Event) -> None:
        if self._killed:
            self._step_killed(event)
            return
        self.state, actions = decisions.step(self.state, event, time.monotonic())
        for action in actions:
            self._PERFORM[type(action)](self, action)

    def _tell(self, report: Callable[..., None], *args: Any) -> None:
        # Behind everything else: the thread that reports wants the interpreter as soon as it has work.
        # In one row for all supervisors: what happened first is told first, also when it led to the next.
        self.app.loop.call_soon_after(report, *args)

    def watch_end(self, function: Callable[[ExitReason], object]) -> None:
        """Have `function(reason)` called when this supervisor has ended."""
        if self.reason is not None:
            function(self.reason)
        else:
            self._watchers.append(function)

    def runner_of(self, ref: Any) -> Runner | None:
        """Return the runner that a ref means, None when it is no child's."""
        for entry in self.entries.values():
            child = self.state.children.get(entry.key)
            # While it is being restarted the former one still answers to its ref.
            former: Any = child.pid if child is not None else None
            if self._is_following(entry, ref):
                return former or entry.runner
            for runner in (entry.runner, former):
                if runner is not None and runner.ref == ref:
                    return runner
        return None

    def _is_following(self, entry: Entry, ref: Any) -> bool:
        return getattr(ref, "actor_urn", None) == entry.slot.urn and ref.address[1] == 0

    def request(self, call: decisions.Call) -> ReplyFuture:
        """Ask the supervisor; the future brings what was granted, or a RequestError."""
        future = ReplyFuture()
        self._request_count += 1
        self._requests[self._request_count] = future
        self.feed(decisions.Request(self._request_count, call))
        return future

    # -- children -------------------------------------------------------------------------------

    def _start(self, action: decisions.Start) -> None:
        entry = self.entries.get(action.key)
        if entry is None:
            entry = self._make_entry(action.key, action.spec)
        entry.restarts += 1
        entry.slot.await_start()
        self._unsettled.add(action.key)
        number = entry.restarts + 1
        try:
            entry.runner = make_runner(self, entry, action.spec, number, self._orders)
        except Exception as error:
            self.errors[action.key] = error
            self.feed(decisions.StartFailed(action.key, getattr(error, "reason", (type(error).__name__, str(error)))))
            return
        entry.runner.start()

    def _make_entry(self, key: Any, spec: ChildSpec) -> Entry:
        function = spec.start[0]
        actor_class = function if isinstance(function, type) else pykka.Actor
        name = spec.id if self.state.mode == "ordinary" else None
        slot = Slot(uuid.uuid4().urn, actor_class, name, lambda: self._stop_slot(key), lambda: self.app.loop.on_thread)
        self.app.add_slot(slot)
        entry = self.entries[key] = Entry(key, slot)
        return entry

    def _stop_slot(self, key: Any) -> None:
        self.app.loop.call_soon(self._stop_normally, key)

    def _stop_normally(self, key: Any) -> None:
        """Have a child end by itself, as `ref.stop()` asks; its restart type says what follows."""
        entry = self.entries.get(key)
        incarnation = getattr(entry.runner, "incarnation", None) if entry is not None else None
        if incarnation is not None:
            incarnation.ask_to_stop("normal")
        elif entry is not None and entry.runner is not None:
            entry.runner.ask_to_stop()

    def _stop(self, action: decisions.Stop) -> None:
        runner: Any = action.pid
        if runner.gone:
            return  # its end is on its way to the decisions
        if action.shutdown == "brutal_kill":
            runner.kill()
            return
        runner.ask_to_stop()
        if action.shutdown != "infinity":
            self._kill_timers[runner] = self.app.loop.call_later(float(action.shutdown), runner.kill_deaf)

    # -- what runners tell ------------------------------------------------------------------------

    def way_opened(self, entry: Entry, way: Way, number: int) -> None:
        """Hear that messages can be sent to a child's incarnation."""
        entry.slot.open(way, number)

    def started(self, entry: Entry, runner: Runner, info: object) -> None:
        """Hear that a child runs."""
        if entry.slot.state != "down":
            entry.slot.state = "up"
        self.errors.pop(entry.key, None)
        about = {"supervisor": self.name, "id": entry.key, "pid": runner.pid, "incarnation": entry.slot.number}
        self._tell(report_event, "child", "started", {}, about)
        self.feed(decisions.Started(entry.key, runner, decisions.NO_INFO if info is None else info))

    def ignored(self, entry: Entry, _runner: Runner) -> None:
        """Hear that a child declined to start."""
        entry.slot.lose(NOPROC)
        self.feed(decisions.Ignored(entry.key))

    def start_failed(self, entry: Entry, _runner: Runner, reason: Any, error: BaseException | None) -> None:
        """Hear that a child's start failed."""
        self.errors[entry.key] = self._last_error = error
        entry.slot.lose(ExitReason("crash", reason))
        self.feed(decisions.StartFailed(entry.key, reason))

    def died(self, entry: Entry, runner: Runner) -> bool:
        """Hear that a child died of a reason that is yet to be known: restart it if that decides nothing."""
        if self._feeding or self._killed:
            return False
        early = decisions.restart_at_once(self.state, entry.key, runner, time.monotonic())
        if early is None:
            return False
        self._early[runner] = (early, entry.slot.number)
        self.state = early.state
        entry.slot.lose(NOPROC)
        self._start(early.start)
        return entry.slot.way is not None

    def exited(self, entry: Entry, runner: Runner, reason: ExitReason) -> None:
        """Hear that a child is gone."""
        if runner in self._early:
            early, number = self._early.pop(runner)
            self._tell(self._announce, entry, runner, number, reason)
            self._report(early.report(reason))
            return
        timer = self._kill_timers.pop(runner, None)
        if timer is not None:
            timer.cancel()
        number = entry.slot.number
        entry.slot.lose(reason)
        self._unsettled.add(entry.key)
        # Later: who waits to hear of the end does not hold the replacement up.
        self._tell(self._announce, entry, runner, number, reason)
        self.feed(decisions.Exited(entry.key, runner, reason))

    def _announce(self, entry: Entry, runner: Runner, number: int, reason: ExitReason) -> None:
        entry.slot.announce(number, reason)
        lived = {"duration": int((time.monotonic() - runner.started_at) * 1e9)}
        about = {"supervisor": self.name, "id": entry.key, "pid": runner.pid, "incarnation": number}
        report_event("child", "down", lived, about | {"reason": reason})

    def _settle_slots(self) -> None:
        """Fail what is parked for children that nobody is about to start."""
        for key in list(self._unsettled):
            entry = self.entries.get(key)
            if entry is None:
                self._unsettled.discard(key)
                continue
            child = self.state.children.get(key)
            if entry.runner in self.state.fallen or (child is not None and self._is_coming(child)):
                continue
            self._unsettled.discard(key)
            if child is None or self.state.finished:
                self._forget_entry(key)
            elif child.status == "undefined":
                entry.slot.give_up(entry.slot.reason)

    def _is_coming(self, child: decisions.Child) -> bool:
        if child.status == "restarting":
            return True
        work = self.state.work
        return child.status == "undefined" and work is not None and child.key in work.coming

    def _forget_entry(self, key: Any) -> None:
        entry = self.entries.pop(key, None)
        self._orders.pop(key, None)
        self.errors.pop(key, None)
        if entry is not None:
            entry.slot.give_up(entry.slot.reason)
            self.app.remove_slot(entry.slot)

    # -- the other actions ------------------------------------------------------------------------

    def _forget(self, action: decisions.Forget) -> None:
        self._unsettled.add(action.key)

    def _report(self, action: decisions.Report) -> None:
        reason = action.reason
        self.gave_up = self.gave_up or action.context == "shutdown"
        fields = offender_fields(action.offender)
        if isinstance(reason, ExitReason) and reason.text:
            fields["text"] = reason.text
        error = self.errors.get(action.offender.key)
        if action.context == "start_error" and error is not None:
            fields["text"] = str(error)
        term = reason.term() if isinstance(reason, ExitReason) else reason
        self._tell(report_supervisor, self.name, action.context, term, fields)

    def _progress(self, action: decisions.Progress) -> None:
        runner: Any = action.pid
        fields = offender_fields(decisions.Offender(runner, None, action.spec.id, action.spec, action.key))
        self._tell(report_progress, self.name, fields)

    def _answer(self, action: decisions.Answer) -> None:
        future = self._requests.pop(action.request_id, None)  # type: ignore[call-overload]
        if future is None:
            return
        if isinstance(action.outcome, decisions.Ok):
            future.succeed(grant(action.outcome.value))
        else:
            future.fail(refusal(action.outcome, self._last_error))

    def _send_self(self, action: decisions.SendSelf) -> None:
        # By the loop: a stop, or another request, is served between two attempts.
        self.app.loop.call_soon(self.feed, action.event)

    def _set_timer(self, action: decisions.SetTimer) -> None:
        def fire() -> None:
            self._timers.pop(action.token, None)
            self.feed(decisions.TimerFired(action.token))

        self._timers[action.token] = self.app.loop.call_later(action.seconds, fire)

    def _cancel_timer(self, action: decisions.CancelTimer) -> None:
        timer = self._timers.pop(action.token, None)
        if timer is not None:
            timer.cancel()

    def _boot_ok(self, _action: decisions.BootOk) -> None:
        self._on_booted(None)

    def _boot_failed(self, action: decisions.BootFailed) -> None:
        self._on_booted(action.reason)

    def _unexpected(self, action: decisions.Unexpected) -> None:
        report_log(logging.DEBUG, "supervisor %s ignored %r", self.name, action.event)

    def _finished(self, action: decisions.Finished) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        errors = dict(self.errors)
        for key in list(self.entries):
            self._forget_entry(key)
        self.errors = errors  # who waits for the start is told what the children said
        for future in self._requests.values():
            future.fail(RequestError("noproc", f"supervisor {self.name} has ended"))
        self._requests.clear()
        self.reason = action.reason
        about = {"supervisor": self.name, "reason": action.reason}
        self._tell(report_event, "supervisor", "stopped", {}, about)
        self._on_finished(action.reason)
        for function in self._watchers:
            function(action.reason)
        self._watchers.clear()

    # -- being killed ---------------------------------------------------------------------------

    def kill(self) -> None:
        """End at once, stopping nothing in order: every child is killed, then the reason is `killed`."""
        if self.state.finished or self._killed:
            return
        self._killed = True
        for entry in list(self.entries.values()):  # some end at once, and are forgotten
            if entry.runner is not None and not entry.runner.gone:
                entry.runner.kill()
        self._end_if_all_gone()

    def _step_killed(self, event: decisions.Event) -> None:
        if isinstance(event, decisions.Request):
            future = self._requests.pop(event.request_id, None)  # type: ignore[call-overload]
            if future is not None:
                future.fail(RequestError("noproc", f"supervisor {self.name} was killed"))
        elif isinstance(event, decisions.Started):
            event.pid.kill()  # type: ignore[attr-defined]
        self._end_if_all_gone()

    def _end_if_all_gone(self) -> None:
        gone = all(entry.runner is None or entry.runner.gone for entry in self.entries.values())
        if gone and self._killed and self.reason is None:
            self._finished(decisions.Finished(KILLED))

    _PERFORM: dict[type, Callable[[Performer, Any], None]]


Performer._PERFORM = {
    decisions.Start: Performer._start,
    decisions.Stop: Performer._stop,
    decisions.Report: Performer._report,
    decisions.Progress: Performer._progress,
    decisions.Answer: Performer._answer,
    decisions.SendSelf: Performer._send_self,
    decisions.SetTimer: Performer._set_timer,
    decisions.CancelTimer: Performer._cancel_timer,
    decisions.BootOk: Performer._boot_ok,
    decisions.BootFailed: Performer._boot_failed,
    decisions.Forget: Performer._forget,
    decisions.Unexpected: Performer._unexpected,
    decisions.Finished: Performer._finished,
}
