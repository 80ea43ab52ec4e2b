"""Play scenarios on the pure state machine: simulated children, nested machines, simulated time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from supervision.decisions import (
    NO_INFO,
    Action,
    Answer,
    Boot,
    BootFailed,
    BootOk,
    Call,
    CancelTimer,
    Event,
    Exited,
    Finished,
    Forget,
    Ignored,
    Mode,
    Ok,
    Progress,
    Refused,
    Report,
    Request,
    Retry,
    SendSelf,
    SetTimer,
    Start,
    Started,
    StartFailed,
    State,
    Stop,
    StopSupervisor,
    TimerFired,
    initial,
    step,
)
from supervision.errors import SpecError
from supervision.exits import KILLED, SHUTDOWN, ExitReason
from supervision.spec import ChildSpec
from tests.conformance.children import FAILURES, Behaviour, Ledger, exit_reason, plain
from tests.conformance.scenario import build

MAX_STEPS = 100_000


@dataclass
class Process:
    """Be a running child; a supervisor if it has a machine."""

    pid: Hashable
    behaviour: Behaviour
    generation: int
    parent: Machine
    key: Hashable
    machine: Machine | None = None


@dataclass
class Machine:
    """Be a supervisor: a state, a mailbox, and whose child it is."""

    path: str
    state: State
    parent: Machine | None = None
    key: Hashable = None
    behaviour: Behaviour | None = None
    pid: Hashable = None
    mailbox: deque[Event] = field(default_factory=deque)
    paths: dict[Hashable, str] = field(default_factory=dict)
    log: list[Action] = field(default_factory=list)
    ended: ExitReason | None = None
    boot_failure: object = None
    is_up: bool = False

    @property
    def prefix(self) -> str:
        return f"{self.path}/" if self.path else ""


class Simulation:
    """Play the world of one scenario; a `Backend`."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.now = 0.0
        self.processes: dict[Hashable, Process] = {}
        self.last_pids: dict[str, Hashable] = {}
        self.machines: list[Machine] = []
        self.parked: list[tuple[Machine, Retry]] = []
        self.timers: dict[tuple[int, int], float] = {}
        self.answers: dict[Hashable, Ok | Refused] = {}
        self.requests = 0
        self.steps = 0

    # --- the Backend -----------------------------------------------------------------------------------

    def start_function(self, behaviour: Behaviour) -> Callable[..., object]:
        def start(instance: object = None) -> Behaviour:
            raise AssertionError("the simulation reads the behaviour and does not call")

        start.behaviour = behaviour  # type: ignore[attr-defined]
        return start

    def start(self, flags: object, specs: list[object], mode: Mode = "ordinary", **options: Any) -> object:
        try:
            top = Machine("", initial(flags, specs, mode, **options))
        except SpecError as error:
            return error.reason
        self.machines.insert(0, top)
        top.mailbox.append(Boot())
        self.settle()
        return top.boot_failure

    def exit_children(self, paths: Sequence[str], reason: str | list[str]) -> int:
        running = [self.processes[pid] for path in paths if (pid := self.last_pids.get(path)) in self.processes]
        for process in running:
            self._die(process, exit_reason(reason))
        return len(running)

    def request(self, sup_path: str, call: Call) -> Ok | Refused:
        machine = self._machine_at(sup_path)
        if machine is None or machine.ended is not None:
            return Refused("noproc")
        self.requests += 1
        machine.mailbox.append(Request(self.requests, call))
        self.settle()
        return self.answers.pop(self.requests)

    def pid_of(self, path: str) -> Hashable | None:
        return self.last_pids.get(path)

    def name_of(self, pid: object) -> tuple[str, int]:
        assert isinstance(pid, tuple)
        return pid

    def release(self, path: str) -> None:
        self.ledger.released.add(path)

    def sleep(self, seconds: float) -> None:
        """Let time pass and fire the timers that are due, in order."""
        until = self.now + seconds
        while due := [(at, key) for key, at in self.timers.items() if at <= until]:
            at, (number, token) = min(due)
            del self.timers[number, token]
            self.now = max(self.now, at)
            self.machines[number].mailbox.append(TimerFired(token))
            self.settle()
        self.now = until

    def settle(self) -> None:
        for machine, retry in self.parked:
            machine.mailbox.append(retry)
        self.parked = []
        while (machine_ := next((m for m in self.machines if m.mailbox), None)) is not None:
            self.steps += 1
            assert self.steps < MAX_STEPS, "the scenario does not come to rest"
            self._feed(machine_, machine_.mailbox.popleft())

    def sup_state(self) -> Any:
        top = self.machines[0]
        reason = top.ended
        return "alive" if reason is None else ["dead", plain(reason)]

    def stop(self) -> None:
        if self.machines[0].ended is None:
            self.machines[0].mailbox.append(StopSupervisor(SHUTDOWN))
            self.settle()

    # --- machines --------------------------------------------------------------------------------------

    def _machine_at(self, path: str) -> Machine | None:
        if path == "":
            return self.machines[0]
        process = self.processes.get(self.last_pids.get(path))
        return process.machine if process else None

    def _feed(self, machine: Machine, event: Event) -> None:
        machine.state, actions = step(machine.state, event, self.now)
        machine.log.extend(actions)
        for action in actions:
            self._perform(machine, action)

    def _perform(self, machine: Machine, action: Action) -> None:
        match action:
            case Start(key, spec):
                self._start(machine, key, spec)
            case Stop(_, pid, shutdown):
                self._stop(pid, shutdown)
            case Report(context, reason, offender):
                path = machine.paths.get(offender.key) or f"{machine.prefix}{offender.id}"
                self.ledger.reported(context, path, reason, offender.nb_children)
            case Answer(request_id, outcome):
                assert request_id not in self.answers, "one request, one answer"
                self.answers[request_id] = outcome
            case SendSelf() | SetTimer() | CancelTimer():
                self._remind(machine, action)
            case BootOk() | BootFailed() | Finished():
                self._change_life(machine, action)
            case _:
                assert isinstance(action, Progress | Forget), f"unexpected: {action}"

    def _remind(self, machine: Machine, action: SendSelf | SetTimer | CancelTimer) -> None:
        number = self.machines.index(machine)
        match action:
            case SendSelf(event):
                self._send_self(machine, event)
            case SetTimer(token, seconds):
                self.timers[number, token] = self.now + seconds
            case CancelTimer(token):
                self.timers.pop((number, token), None)

    def _change_life(self, machine: Machine, action: BootOk | BootFailed | Finished) -> None:
        match action:
            case BootOk():
                self._booted(machine)
            case BootFailed(reason):
                machine.boot_failure = reason
            case Finished(reason):
                self._finished(machine, reason)

    def _send_self(self, machine: Machine, event: Retry) -> None:
        """Queue a retry, that of a held child only at the next operation: nothing would come to rest."""
        child = machine.state.children[event.key]
        behaviour = self._behaviour(machine, child.spec)
        held = behaviour.path in self.ledger.held and behaviour.path not in self.ledger.released
        if held and behaviour.starts and behaviour.starts[-1] == "hold":
            self.parked.append((machine, event))
        else:
            machine.mailbox.append(event)

    def _booted(self, machine: Machine) -> None:
        machine.is_up = True
        if machine.parent is not None and machine.behaviour is not None:
            self._run(machine.parent, machine.key, machine.behaviour, machine)

    def _finished(self, machine: Machine, reason: ExitReason) -> None:
        machine.ended = reason
        machine.mailbox.clear()
        self.parked = [(other, retry) for other, retry in self.parked if other is not machine]
        if machine.parent is None:
            return
        if machine.is_up:
            self._die(self.processes[machine.pid], reason)
        else:
            self._fail(machine.parent, machine.key, machine.path, machine.boot_failure)

    # --- children --------------------------------------------------------------------------------------

    def _behaviour(self, machine: Machine, spec: ChildSpec) -> Behaviour:
        function, args, _ = spec.start
        behaviour: Behaviour = getattr(getattr(function, "function", function), "behaviour")  # noqa: B009
        if machine.state.mode == "simple" and args and isinstance(args[0], dict):
            return behaviour.for_instance(machine.prefix, args[0])
        return behaviour

    def _start(self, machine: Machine, key: Hashable, spec: ChildSpec) -> None:
        behaviour = self._behaviour(machine, spec)
        machine.paths[key] = behaviour.path
        outcome = self.ledger.attempt(behaviour)
        if outcome == "ignore":
            self.ledger.ignored(behaviour.path)
            machine.mailbox.append(Ignored(key))
        elif outcome in FAILURES:
            self._fail(machine, key, behaviour.path, FAILURES[outcome])
        elif behaviour.sup is not None:
            self._start_machine(machine, key, behaviour)
        else:
            self._run(machine, key, behaviour, None, "info" if outcome == "ok_info" else NO_INFO)

    def _start_machine(self, parent: Machine, key: Hashable, behaviour: Behaviour) -> None:
        assert behaviour.sup is not None
        sup = behaviour.sup
        try:
            state = initial(*build(sup["flags"], sup["children"], f"{behaviour.path}/", self))
        except SpecError as error:
            self._fail(parent, key, behaviour.path, error.reason)
            return
        machine = Machine(behaviour.path, state, parent, key, behaviour)
        self.machines.append(machine)
        machine.mailbox.append(Boot())

    def _fail(self, machine: Machine, key: Hashable, path: str, reason: object) -> None:
        self.ledger.failed(path, reason)
        machine.mailbox.append(StartFailed(key, reason))

    def _run(
        self,
        parent: Machine,
        key: Hashable,
        behaviour: Behaviour,
        machine: Machine | None,
        info: object = NO_INFO,
    ) -> None:
        generation = self.ledger.started(behaviour.path)
        pid = (behaviour.path, generation)
        self.processes[pid] = Process(pid, behaviour, generation, parent, key, machine)
        self.last_pids[behaviour.path] = pid
        if machine is not None:
            machine.pid = pid
        parent.mailbox.append(Started(key, pid, info))

    def _stop(self, pid: Hashable, shutdown: object) -> None:
        process = self.processes.get(pid)
        if process is None:
            return
        if shutdown == "brutal_kill":
            self._die(process, KILLED)
        elif process.machine is not None:
            process.machine.mailbox.append(StopSupervisor(SHUTDOWN))
        else:
            self._ask(process, shutdown)

    def _ask(self, process: Process, shutdown: object) -> None:
        after, reason = process.behaviour.at_stop(SHUTDOWN)
        limit = shutdown if isinstance(shutdown, int | float) else float("inf")
        if after is None or after > limit:
            assert limit != float("inf"), "this child never ends"
            after, reason = limit, KILLED
        self.now += after
        self._die(process, reason)

    def _die(self, process: Process, reason: ExitReason) -> None:
        machine = process.machine
        del self.processes[process.pid]
        self.ledger.exited(process.behaviour.path, process.generation, reason)
        if machine is not None and machine.ended is None:
            self._orphan(machine, reason)
        process.parent.mailbox.append(Exited(process.key, process.pid, reason))

    def _orphan(self, machine: Machine, reason: ExitReason) -> None:
        """End a supervisor that was killed outright: its children get its reason through their links."""
        machine.ended = reason
        machine.mailbox.clear()
        for child in [p for p in self.processes.values() if p.parent is machine]:
            self._die(child, child.behaviour.at_stop(reason)[1])
