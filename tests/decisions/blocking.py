"""OTP's supervisor in direct style: it blocks while it starts or stops a child.

A second writing of the rules, for comparison with the state machine: here a start is a function call that
returns, and the mailbox is a list that nobody reads meanwhile. Only strategies whose children have ids.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from supervision.decisions import (
    NO_INFO,
    Call,
    ChildRow,
    CountChildren,
    Counts,
    DeleteChild,
    GetChildSpec,
    Ok,
    Refused,
    RestartChild,
    StartChild,
    StartedChild,
    TerminateChild,
)
from supervision.errors import SpecError
from supervision.exits import KILLED, SHUTDOWN, ExitReason
from supervision.spec import (
    ChildSpec,
    SupervisorFlags,
    check_childspecs,
    validate_child,
    validate_children,
    validate_flags,
)
from tests.conformance.children import FAILURES, Behaviour, Ledger, exit_reason, plain
from tests.conformance.scenario import build

Pid = tuple[str, int]


class Failure(Exception):
    """Carry the reason of a failed start."""


@dataclass
class Entry:
    """Be a child in the list."""

    spec: ChildSpec
    pid: Pid | None = None
    restarting: bool = False

    @property
    def behaviour(self) -> Behaviour:
        function: Any = self.spec.start[0]
        found: Behaviour = getattr(function, "function", function).behaviour
        return found


@dataclass
class Sup:
    """Be a supervisor."""

    path: str
    flags: SupervisorFlags
    entries: list[Entry]
    parent: Sup | None = None
    times: list[float] = field(default_factory=list)
    mailbox: list[Any] = field(default_factory=list)
    ended: ExitReason | None = None
    pid: Pid | None = None

    def find(self, name: object) -> Entry | None:
        return next((entry for entry in self.entries if entry.spec.id == name), None)

    def name(self, entry: Entry) -> str:
        return f"{self.path}/{entry.spec.id}" if self.path else str(entry.spec.id)


class Blocking:
    """Play scenarios; a `Backend`."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.now = 0.0
        self.running: dict[Pid, tuple[Sup, Behaviour, Sup | None]] = {}
        self.last: dict[str, Pid] = {}
        self.sups: list[Sup] = []
        self.held: list[tuple[Sup, Entry]] = []

    # --- the Backend -----------------------------------------------------------------------------------

    def start_function(self, behaviour: Behaviour) -> Callable[..., object]:
        def start() -> None:
            raise AssertionError

        start.behaviour = behaviour  # type: ignore[attr-defined]
        return start

    def start(self, flags: object, specs: list[object]) -> object:
        try:
            self._boot("", flags, specs, None)
        except Failure as failure:
            return failure.args[0]
        return None

    def exit_children(self, paths: Sequence[str], reason: str | list[str]) -> int:
        pids = [pid for path in paths if (pid := self.last.get(path)) in self.running and pid is not None]
        for pid in pids:
            self._die(pid, exit_reason(reason))
        return len(pids)

    def request(self, sup_path: str, call: Call) -> Ok | Refused:
        sup = self._sup_at(sup_path)
        return Refused("noproc") if sup is None or sup.ended else self._serve(sup, call)

    def pid_of(self, path: str) -> object | None:
        return self.last.get(path)

    def name_of(self, pid: Any) -> tuple[str, int]:
        return (pid[0], pid[1])

    def release(self, path: str) -> None:
        self.ledger.released.add(path)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def settle(self) -> None:
        """Handle what is in the mailboxes; a held child is tried once, and then again the next time."""
        for sup, entry in self.held:
            sup.mailbox.append(entry)
        tried: list[Entry] = []
        self.held = []
        while (busy := next((sup for sup in self.sups if sup.mailbox and not sup.ended), None)) is not None:
            message = busy.mailbox.pop(0)
            if isinstance(message, Entry) and self._is_held(message) and message in tried:
                self.held.append((busy, message))
            else:
                tried += [message] if isinstance(message, Entry) else []
                self._handle(busy, message)

    def sup_state(self) -> Any:
        ended = self.sups[0].ended
        return ["dead", plain(ended)] if ended else "alive"

    def stop(self) -> None:
        if not self.sups[0].ended:
            self._end(self.sups[0], SHUTDOWN)

    # --- starting --------------------------------------------------------------------------------------

    def _boot(self, path: str, flags: object, specs: list[object], parent: Sup | None) -> Sup:
        sup = Sup(path, *self._checked(flags, specs), parent)
        self.sups.append(sup)
        for entry in list(sup.entries):
            try:
                self._start(sup, entry)
            except Failure as failure:
                reason = failure.args[0]
                self.ledger.reported("start_error", sup.name(entry), reason)
                self._stop_all(sup)
                sup.ended = SHUTDOWN
                raise Failure(("shutdown", ("failed_to_start_child", entry.spec.id, reason))) from None
            if entry.pid is None and entry.spec.is_temporary:
                sup.entries.remove(entry)
        return sup

    def _checked(self, flags: object, specs: list[object]) -> tuple[SupervisorFlags, list[Entry]]:
        try:
            checked = validate_flags(flags)
        except SpecError as error:
            raise Failure(("supervisor_data", error.reason)) from None
        try:
            check_childspecs(specs, checked.auto_shutdown)
            return checked, [Entry(spec) for spec in validate_children(specs, checked.auto_shutdown)]
        except SpecError as error:
            raise Failure(("start_spec", error.reason)) from None

    def _start(self, sup: Sup, entry: Entry) -> object:
        """Start a child and return the extra information."""
        behaviour = entry.behaviour
        outcome = self.ledger.attempt(behaviour)
        nested = None
        if outcome == "ignore":
            self.ledger.ignored(behaviour.path)
            entry.pid, entry.restarting = None, False
            return NO_INFO
        try:
            if outcome in FAILURES:
                raise Failure(FAILURES[outcome])
            if behaviour.sup is not None:
                parts = build(behaviour.sup["flags"], behaviour.sup["children"], f"{behaviour.path}/", self)
                nested = self._boot(behaviour.path, *parts, sup)
        except Failure as failure:
            self.ledger.failed(behaviour.path, failure.args[0])
            raise
        pid = (behaviour.path, self.ledger.started(behaviour.path))
        entry.pid, entry.restarting = pid, False
        self.running[pid] = (sup, behaviour, nested)
        self.last[behaviour.path] = pid
        if nested is not None:
            nested.pid = pid
        return "info" if outcome == "ok_info" and nested is None else NO_INFO

    # --- stopping --------------------------------------------------------------------------------------

    def _die(self, pid: Pid, reason: ExitReason) -> None:
        sup, behaviour, _ = self.running.pop(pid)
        self.ledger.exited(behaviour.path, pid[1], reason)
        sup.mailbox.append((pid, reason))

    def _ask(self, entry: Entry, pid: Pid) -> None:
        _, behaviour, nested = self.running[pid]
        shutdown = entry.spec.shutdown
        if shutdown == "brutal_kill":
            self._die(pid, KILLED)
        elif nested is not None:
            self._drain(nested)
            if not nested.ended:
                self._end(nested, SHUTDOWN)
        else:
            after, reason = behaviour.at_stop(SHUTDOWN)
            in_time = after is not None and (isinstance(shutdown, str) or after <= shutdown)
            self._die(pid, reason if in_time else KILLED)

    def _drain(self, sup: Sup) -> None:
        while sup.mailbox and not sup.ended:
            self._handle(sup, sup.mailbox.pop(0))

    def _terminate(self, sup: Sup, entry: Entry) -> None:
        if entry.pid is not None:
            pid = entry.pid
            if pid in self.running:
                self._ask(entry, pid)
            (message,) = [m for m in sup.mailbox if isinstance(m, tuple) and m[0] == pid]
            sup.mailbox.remove(message)
            if not self._is_fine(entry.spec, message[1]):
                self.ledger.reported("shutdown_error", sup.name(entry), message[1])
        self._retire(sup, entry)

    def _is_fine(self, spec: ChildSpec, reason: ExitReason) -> bool:
        if reason == (KILLED if spec.shutdown == "brutal_kill" else SHUTDOWN):
            return True
        return reason.kind in ("normal", "shutdown") and spec.restart != "permanent"

    def _retire(self, sup: Sup, entry: Entry) -> None:
        entry.pid, entry.restarting = None, False
        if entry.spec.is_temporary and entry in sup.entries:
            sup.entries.remove(entry)

    def _stop_all(self, sup: Sup) -> None:
        for entry in reversed(list(sup.entries)):
            self._terminate(sup, entry)

    def _end(self, sup: Sup, reason: ExitReason) -> None:
        self._stop_all(sup)
        sup.ended = reason
        if sup.pid is not None:
            self._die(sup.pid, reason)

    # --- restarting ------------------------------------------------------------------------------------

    def _handle(self, sup: Sup, message: Any) -> None:
        if isinstance(message, Entry):
            if message.restarting and message in sup.entries:
                self._restart(sup, message)
            return
        pid, reason = message
        entry = next((entry for entry in sup.entries if entry.pid == pid), None)
        if entry is not None:
            self._died(sup, entry, reason)

    def _died(self, sup: Sup, entry: Entry, reason: ExitReason) -> None:
        kind, normal = entry.spec.restart, reason.kind in ("normal", "shutdown")
        if kind == "permanent" or not normal:
            self.ledger.reported("child_terminated", sup.name(entry), reason)
        if kind == "permanent" or (kind == "transient" and not normal):
            self._restart(sup, entry)
            return
        self._retire(sup, entry)
        mode = sup.flags.auto_shutdown
        left = any(e.spec.significant and (e.pid or e.restarting) for e in sup.entries)
        if entry.spec.significant and (mode == "any_significant" or (mode == "all_significant" and not left)):
            self._end(sup, SHUTDOWN)

    def _restart(self, sup: Sup, entry: Entry) -> None:
        entry.pid, entry.restarting = None, False
        sup.times = [at for at in sup.times if at >= self.now - sup.flags.period] + [self.now]
        if len(sup.times) > sup.flags.intensity:
            self.ledger.reported("shutdown", sup.name(entry), "reached_max_restart_intensity")
            self._end(sup, SHUTDOWN)
            return
        at = sup.entries.index(entry)
        first = {"one_for_all": 0, "rest_for_one": at, "one_for_one": at}[sup.flags.strategy]
        last = at + 1 if sup.flags.strategy == "one_for_one" else len(sup.entries)
        members = sup.entries[first:last]
        for member in reversed(members):
            self._terminate(sup, member)
        for member in members:
            if member in sup.entries and not self._started(sup, member):
                return

    def _started(self, sup: Sup, entry: Entry) -> bool:
        try:
            self._start(sup, entry)
        except Failure as failure:
            self.ledger.reported("start_error", sup.name(entry), failure.args[0])
            entry.restarting = True
            sup.mailbox.append(entry)
            return False
        return True

    def _is_held(self, entry: Entry) -> bool:
        path, starts = entry.behaviour.path, entry.behaviour.starts
        hold = bool(starts) and starts[-1] == "hold"
        return hold and path in self.ledger.held and path not in self.ledger.released

    # --- requests --------------------------------------------------------------------------------------

    def _sup_at(self, path: str) -> Sup | None:
        if path == "":
            return self.sups[0]
        process = self.running.get(self.last.get(path, ("", 0)))
        return process[2] if process else None

    def _serve(self, sup: Sup, call: Call) -> Ok | Refused:
        match call:
            case StartChild(given):
                return self._add(sup, given)
            case TerminateChild(target) | RestartChild(target) | DeleteChild(target) | GetChildSpec(target):
                entry = sup.find(target)
                return Refused("not_found") if entry is None else self._serve_entry(sup, entry, call)
            case CountChildren():
                return Ok(self._counts(sup))
        rows = [
            ChildRow(e.spec.id, e.pid or ("restarting" if e.restarting else "undefined"), e.spec.type, ())
            for e in reversed(sup.entries)
        ]
        return Ok(rows)

    def _serve_entry(self, sup: Sup, entry: Entry, call: Call) -> Ok | Refused:
        if isinstance(call, GetChildSpec):
            return Ok(entry.spec)
        if isinstance(call, TerminateChild):
            self._terminate(sup, entry)
            return Ok()
        if entry.pid is not None or entry.restarting:
            return Refused("running" if entry.pid else "restarting")
        if isinstance(call, DeleteChild):
            sup.entries.remove(entry)
            return Ok()
        return self._started_by_request(sup, entry)

    def _started_by_request(self, sup: Sup, entry: Entry) -> Ok | Refused:
        try:
            info = self._start(sup, entry)
        except Failure as failure:
            return Refused(failure.args[0], failed=True)
        return Ok(StartedChild(entry.pid, info))

    def _add(self, sup: Sup, given: object) -> Ok | Refused:
        try:
            spec = validate_child(given, sup.flags.auto_shutdown)
        except SpecError as error:
            return Refused(error.reason)
        known = sup.find(spec.id)
        if known is not None:
            return Refused(("already_started", known.pid) if known.pid else "already_present")
        entry = Entry(spec)
        answer = self._started_by_request(sup, entry)
        if isinstance(answer, Ok) and (entry.pid or not spec.is_temporary):
            sup.entries.append(entry)
        return answer

    def _counts(self, sup: Sup) -> Counts:
        supervisors = sum(entry.spec.type == "supervisor" for entry in sup.entries)
        active = sum(entry.pid in self.running for entry in sup.entries)
        return Counts(len(sup.entries), active, supervisors, len(sup.entries) - supervisors)
