"""What a supervisor remembers between two events."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from supervision.decisions.events import Event
from supervision.errors import SpecError
from supervision.exits import ExitReason
from supervision.intensity import Restarts
from supervision.spec import ChildSpec, SupervisorFlags, validate_child, validate_children, validate_flags

__all__ = [
    "Adding",
    "Booting",
    "Child",
    "Ending",
    "Mode",
    "Purpose",
    "Restarting",
    "Reviving",
    "RollingBack",
    "State",
    "Terminating",
    "Work",
    "initial",
]

Mode = Literal["ordinary", "simple", "dynamic"]
Life = Literal["new", "up", "over"]


@dataclass(frozen=True, slots=True)
class Child:
    """Be one entry of the list of children.

    Args:
        key: names the entry: the id, or a number for dynamic children.
        spec: with the complete start call.
        status: `up` with a pid, `undefined` without a process, `restarting` while a retry is due.
        pid: the process; the former one while restarting.
        token: names the pending retry while restarting.
        since: when it was started, monotonic seconds.
        failures: ends and failed starts in a row without a healthy stretch.
        budget: its own restarts, where it has a budget of its own.
    """

    key: Hashable
    spec: ChildSpec
    status: Literal["up", "undefined", "restarting"] = "undefined"
    pid: Hashable | None = None
    token: int = 0
    since: float = 0.0
    failures: int = 0
    budget: Restarts | None = None


@dataclass(frozen=True, slots=True)
class Booting:
    """Start the initial children."""


@dataclass(frozen=True, slots=True)
class RollingBack:
    """Stop what was started, since the initial start failed with this reason."""

    reason: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Adding:
    """Serve start_child."""

    request_id: Hashable


@dataclass(frozen=True, slots=True)
class Restarting:
    """Serve restart_child."""

    request_id: Hashable


@dataclass(frozen=True, slots=True)
class Terminating:
    """Serve terminate_child."""

    request_id: Hashable


@dataclass(frozen=True, slots=True)
class Reviving:
    """Restart a child, with its group where the strategy says so.

    Args:
        origin: whose end or failed start is the cause.
        former: the pid it had.
    """

    origin: Hashable
    former: Hashable | None


@dataclass(frozen=True, slots=True)
class Ending:
    """Stop all children and end with this reason."""

    reason: ExitReason


Purpose = Booting | RollingBack | Adding | Restarting | Terminating | Reviving | Ending


@dataclass(frozen=True, slots=True)
class Work:
    """Be what the supervisor is busy with: stops one after the other, then starts one after the other.

    Args:
        stops, starts: keys, in order.
        stopped, started: how many of them have been dealt with or are being so.
        awaiting: the key whose outcome is due.
        phase: what outcome that is; `gather`: the exits of all children at once.
        outstanding: how many exits are still to come in `gather`.
        wrong: the wrong exits in `gather`, with the number of children each.
    """

    purpose: Purpose
    stops: tuple[Hashable, ...] = ()
    starts: tuple[Hashable, ...] = ()
    stopped: int = 0
    started: int = 0
    awaiting: Hashable = None
    phase: Literal["none", "stop", "start", "gather"] = "none"
    outstanding: int = 0
    wrong: tuple[tuple[ExitReason, int], ...] = ()

    @property
    def coming(self) -> tuple[Hashable, ...]:
        """Return the keys that are still to be started, in order, the one whose outcome is due included."""
        return self.starts[self.started - 1 if self.phase == "start" else self.started :]


@dataclass(frozen=True, slots=True)
class State:
    """Be a supervisor between two events. Made by `initial`, changed by `step` only.

    Args:
        flags: the supervisor's.
        mode: `ordinary`; `simple` for simple_one_for_one; `dynamic` for Elixir's DynamicSupervisor.
        children: the entries in start order.
        restarts: the recent restarts of all children together.
        life: `new` before Boot, `over` after Finished.
        work: what it is busy with; None when it is idle.
        deferred: events that wait until it is idle, in order.
        fallen: the exits among those, by pid.
        timers: the children by the token of the timer that they wait for.
        pids: dynamic children by their pid, by the former one while restarting.
        template: the specification of simple_one_for_one.
        max_children, extra_arguments: DynamicSupervisor's options.
        counter: the last number used for a key or a token.
        seed: the state of the random numbers for the jitter.
    """

    flags: SupervisorFlags
    mode: Mode
    children: Mapping[Hashable, Child]
    restarts: Restarts
    life: Life = "new"
    work: Work | None = None
    deferred: tuple[Event, ...] = ()
    fallen: Mapping[Hashable, ExitReason] = field(default_factory=dict)
    timers: Mapping[int, Hashable] = field(default_factory=dict)
    pids: Mapping[Hashable, Hashable] = field(default_factory=dict)
    template: ChildSpec | None = None
    max_children: int | None = None
    extra_arguments: tuple[object, ...] = ()
    counter: int = 0
    seed: int = 0

    @property
    def finished(self) -> bool:
        """Tell whether the supervisor has ended."""
        return self.life == "over"

    @property
    def busy(self) -> bool:
        """Tell whether an outcome is due and other events wait for it."""
        return self.work is not None


def initial(
    flags: object,
    specs: Iterable[object] = (),
    mode: Mode = "ordinary",
    *,
    max_children: int | None = None,
    extra_arguments: Iterable[object] = (),
    seed: int = 0,
) -> State:
    """Return the state of a supervisor before its Boot.

    Args:
        flags: what `validate_flags` takes.
        specs: what `validate_child` takes, in start order; the one template for simple_one_for_one.
        mode: `dynamic` for a DynamicSupervisor; the strategy tells the other two apart.
        max_children: how many children a DynamicSupervisor takes; None for any number.
        extra_arguments: what a DynamicSupervisor puts before the arguments of every start.
        seed: of the jitter's random numbers.

    Raises:
        SpecError: with `("supervisor_data", E)`, `("start_spec", E)` or `("bad_start_spec", specs)`, where E
            is the reason of `validate_flags` or `validate_child`.
    """
    checked = _flags(flags, mode)
    restarts = Restarts(checked.intensity, checked.period)
    given = tuple(specs)
    if mode == "dynamic":
        if given:
            raise SpecError(("bad_start_spec", given), "a DynamicSupervisor starts without children")
        _check_max_children(max_children)
        return State(
            checked,
            mode,
            {},
            restarts,
            max_children=max_children,
            extra_arguments=tuple(extra_arguments),
            seed=seed,
        )
    if checked.strategy == "simple_one_for_one":
        return State(checked, "simple", {}, restarts, template=_template(given), seed=seed)
    children = {spec.id: Child(spec.id, spec) for spec in _initial_specs(given, checked)}
    return State(checked, "ordinary", children, restarts, seed=seed)


def check_budget(spec: ChildSpec) -> None:
    """Raise unless a child of an ordinary supervisor does without a budget of its own."""
    if spec.own_budget is not None:
        raise SpecError(
            ("invalid_own_budget", spec.own_budget),
            "only children of dynamic supervisors have a budget of their own",
        )


def _flags(given: object, mode: Mode) -> SupervisorFlags:
    try:
        flags = validate_flags(given)
        if mode == "dynamic":
            _check_dynamic(flags)
    except SpecError as error:
        raise SpecError(("supervisor_data", error.reason), error.text) from None
    return flags


def _check_dynamic(flags: SupervisorFlags) -> None:
    if flags.strategy != "one_for_one":
        raise SpecError(("invalid_strategy", flags.strategy), "a DynamicSupervisor is one_for_one only")
    if flags.auto_shutdown != "never":
        raise SpecError(("invalid_auto_shutdown", flags.auto_shutdown), "a DynamicSupervisor has no auto_shutdown")


def _check_max_children(value: int | None) -> None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        text = f"max_children is {value!r}; a number from 0 up, or None for no limit, is expected"
        raise SpecError(("supervisor_data", ("invalid_max_children", value)), text)


def _template(given: tuple[object, ...]) -> ChildSpec:
    if len(given) != 1:
        raise SpecError(("bad_start_spec", given), "simple_one_for_one takes exactly one specification")
    try:
        return validate_child(given[0], "never")
    except SpecError as error:
        raise SpecError(("start_spec", error.reason), error.text) from None


def _initial_specs(given: tuple[object, ...], flags: SupervisorFlags) -> tuple[ChildSpec, ...]:
    try:
        specs = validate_children(given, flags.auto_shutdown)
        for spec in specs:
            check_budget(spec)
    except SpecError as error:
        raise SpecError(("start_spec", error.reason), error.text) from None
    return specs
