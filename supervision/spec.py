"""What a supervisor is told about its children and about itself, as checked values.

Field names, defaults and the order of checks are OTP's; times are seconds where OTP has milliseconds.
An invalid value raises `SpecError` whose `reason` is OTP's error term.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, cast, get_args

from supervision.checks import (
    check_auto_shutdown,
    check_budget,
    check_choice,
    check_id,
    check_max_failures,
    check_significant,
    checked_modules,
    checked_shutdown,
    checked_start,
    is_count,
    is_seconds,
)
from supervision.errors import SpecError

__all__ = [
    "ArgumentsNotKept",
    "AutoShutdown",
    "Backoff",
    "ChildSpec",
    "Restart",
    "Shutdown",
    "Start",
    "Strategy",
    "SupervisorFlags",
    "check_childspecs",
    "child",
    "validate_child",
    "validate_flags",
]

Restart = Literal["permanent", "transient", "temporary"]
ChildType = Literal["worker", "supervisor"]
Shutdown = float | Literal["infinity", "brutal_kill"]
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]
Modules = tuple[str, ...] | Literal["dynamic"]
Start = tuple[Callable[..., object], tuple[object, ...], Mapping[str, object]]

_RESTARTS: Final = get_args(Restart)
_TYPES: Final = get_args(ChildType)
_STRATEGIES: Final = get_args(Strategy)
_AUTO_SHUTDOWNS: Final = get_args(AutoShutdown)
# A complete specification never holds these: they stand for a field that was left out.
_SHUTDOWN_OF_TYPE: Final = cast(Shutdown, None)
_MODULES_OF_START: Final = cast(Modules, None)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Say how long to wait before restarting a child again (our extension; OTP never waits).

    Args:
        initial: seconds before the first restart.
        factor: by how much each further failure in a row multiplies the wait.
        maximum: seconds; no wait is longer.
        jitter: 0 to 1; the part of the wait that is left to chance.
    """

    initial: float = 0.1
    factor: float = 2.0
    maximum: float = 30.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        good = is_seconds(self.initial) and is_seconds(self.maximum) and is_seconds(self.factor)
        if not (good and self.factor >= 1 and is_seconds(self.jitter) and self.jitter <= 1):
            raise SpecError(("invalid_backoff", self), f"{self!r}: times are >= 0, factor >= 1 and jitter 0 to 1")

    def delay(self, attempt: int, random: float) -> float:
        """Return the seconds to wait before a restart.

        Args:
            attempt: 1 for the first failure in a row.
            random: a number from 0 (the full wait) to 1 (shortened by the whole jitter).
        """
        try:
            wait = min(self.initial * self.factor ** max(attempt - 1, 0), self.maximum)
        except OverflowError:
            wait = self.maximum
        return wait * (1.0 - self.jitter * random)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """Describe one child of a supervisor; checked and completed when it is made.

    Args:
        id: names the child within its supervisor; any hashable value. Dynamic supervisors ignore it.
        start: the callable, or (callable, args), or (callable, args, kwargs).
        restart: `permanent` (always), `transient` (after abnormal ends) or `temporary` (never).
        significant: whether its end can make the supervisor shut itself down (see `auto_shutdown`).
        type: what it is declared to be; changes the default of `shutdown` and the counts.
        shutdown: seconds that it gets to stop by itself, `infinity`, or `brutal_kill`.
            Left out: 5 s for a worker, `infinity` for a supervisor.
        modules: names of modules, or `dynamic`. Left out: the module of the start callable.
        backoff: wait before restarts. Left out: restart at once, as OTP does.
        healthy_after: seconds; a child that lived this long starts again with no failures on its account.
        max_failures: how many failures in a row without such a healthy stretch the supervisor takes
            before it gives up; needs `healthy_after`.
        own_budget: (intensity, period in seconds) of a dynamic child: its restarts are counted for itself,
            and when there are too many it alone is given up.

    Raises:
        SpecError: a field is invalid; `reason` is OTP's term.
    """

    id: Hashable
    start: Any  # given in any form; `Start` once it is made
    restart: Restart = "permanent"
    significant: bool = False
    type: ChildType = "worker"
    shutdown: Shutdown = _SHUTDOWN_OF_TYPE
    modules: Modules = _MODULES_OF_START
    backoff: Backoff | None = None
    healthy_after: float | None = None
    max_failures: int | None = None
    own_budget: tuple[int, float] | None = None

    def __post_init__(self) -> None:
        # The order is the one in which OTP checks: the first error found is the answer.
        check_id(self.id)
        object.__setattr__(self, "start", checked_start(self.start))
        check_choice("restart_type", self.restart, _RESTARTS)
        check_significant(self.significant, self.restart)
        check_choice("child_type", self.type, _TYPES)
        object.__setattr__(self, "shutdown", checked_shutdown(self.shutdown, self.type))
        object.__setattr__(self, "modules", checked_modules(self.modules, self.start[0]))
        if self.backoff is not None and not isinstance(self.backoff, Backoff):
            raise SpecError(("invalid_backoff", self.backoff), "backoff must be a Backoff")
        check_max_failures(self.max_failures, self.healthy_after)
        check_budget(self.own_budget)

    @property
    def is_permanent(self) -> bool:
        """Tell whether the child is restarted however it ends."""
        return self.restart == "permanent"

    @property
    def is_temporary(self) -> bool:
        """Tell whether the child is forgotten when it ends."""
        return self.restart == "temporary"


@dataclass(frozen=True, slots=True)
class SupervisorFlags:
    """Say how a supervisor deals with its children; checked when it is made.

    Args:
        strategy: `one_for_one`, `one_for_all`, `rest_for_one` or `simple_one_for_one`.
        intensity: restarts within `period` that are fine. The default is Elixir's, 3; OTP's own is 1.
        period: seconds, a positive integer; 5 in OTP and Elixir alike.
        auto_shutdown: `never`, `any_significant` or `all_significant`.

    Raises:
        SpecError: a flag is invalid; `reason` is OTP's term.
    """

    strategy: Strategy = "one_for_one"
    intensity: int = 3
    period: int = 5
    auto_shutdown: AutoShutdown = "never"

    def __post_init__(self) -> None:
        check_choice("strategy", self.strategy, _STRATEGIES)
        if not is_count(self.intensity):
            text = f"intensity is {self.intensity!r}; a number of restarts from 0 up is expected"
            raise SpecError(("invalid_intensity", self.intensity), text)
        if not is_count(self.period) or self.period == 0:
            text = f"period is {self.period!r}; whole seconds from 1 up are expected"
            raise SpecError(("invalid_period", self.period), text)
        check_choice("auto_shutdown", self.auto_shutdown, _AUTO_SHUTDOWNS)
        # OTP 25 to 27 accept this pair and later versions refuse it: no template is ever "the last one".
        if self.strategy == "simple_one_for_one" and self.auto_shutdown != "never":
            pair = (("auto_shutdown", self.auto_shutdown), ("strategy", self.strategy))
            raise SpecError(("bad_combination", pair), "simple_one_for_one cannot have auto_shutdown")


class ArgumentsNotKept:
    """Stand for the start of a temporary child that was added later: its arguments are not kept.

    OTP forgets them too, since such a child is never started again.
    """

    def __init__(self, function: Callable[..., object]) -> None:
        self.function = function
        self.__module__ = getattr(function, "__module__", None) or type(function).__module__

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Raise: a child cannot be started again without its arguments."""
        raise SpecError(("invalid_mfa", self), "the arguments of a temporary child are not kept after its start")

    def __repr__(self) -> str:
        return f"ArgumentsNotKept({self.function!r})"


_FIELD_NAMES: Final = tuple(field.name for field in fields(ChildSpec))
_FLAG_NAMES: Final = tuple(field.name for field in fields(SupervisorFlags))


def validate_child(given: object, auto_shutdown: AutoShutdown | None = None) -> ChildSpec:
    """Return the effective specification of what was given.

    Args:
        given: a `ChildSpec`, or a mapping with its fields; unknown fields are ignored.
        auto_shutdown: that of the supervisor it is meant for; None when it is not known.

    Raises:
        SpecError: it is invalid; `reason` is OTP's term, such as `"missing_id"`.
    """
    if isinstance(given, ChildSpec):
        check_auto_shutdown(given.significant, auto_shutdown)
        return given
    if not isinstance(given, Mapping):
        raise SpecError(("invalid_child_spec", given), f"{given!r} is not a child specification")
    values = {name: given[name] for name in _FIELD_NAMES if name in given}
    for name in ("id", "start"):
        if name not in values:
            raise SpecError(f"missing_{name}", f"a child specification needs {name!r}")
    _check_mapping_head(values, auto_shutdown)
    return ChildSpec(**values)


def validate_flags(given: object) -> SupervisorFlags:
    """Return the flags that were given as a `SupervisorFlags`, a mapping, or (strategy, intensity, period).

    Raises:
        SpecError: they are invalid; `reason` is OTP's term, such as `("invalid_period", 0)`.
    """
    if isinstance(given, SupervisorFlags):
        return given
    if isinstance(given, Mapping):
        return SupervisorFlags(**{name: given[name] for name in _FLAG_NAMES if name in given})
    if isinstance(given, tuple) and len(given) == 3:
        return SupervisorFlags(*given)
    raise SpecError(("invalid_type", given), f"{given!r} is neither supervisor flags nor a mapping of them")


def check_childspecs(specs: object, auto_shutdown: object = None) -> None:
    """Check a list of specifications, duplicates included, without starting anything.

    Args:
        specs: a list or tuple of what `validate_child` takes.
        auto_shutdown: when given, `significant` is checked against it.

    Raises:
        SpecError: as `validate_child`, or `("duplicate_child_name", id)`, or `("badarg", x)`.
    """
    if auto_shutdown is not None and auto_shutdown not in _AUTO_SHUTDOWNS:
        raise SpecError(("badarg", auto_shutdown))
    if not isinstance(specs, list | tuple):
        raise SpecError(("badarg", specs), f"{specs!r} is not a list of child specifications")
    validate_children(specs, cast(AutoShutdown | None, auto_shutdown))


def validate_children(specs: Iterable[object], auto_shutdown: AutoShutdown | None) -> tuple[ChildSpec, ...]:
    """Return the effective specifications of a supervisor's initial children.

    Raises:
        SpecError: the first error in the order of the list, a repeated id included.
    """
    checked: dict[Hashable, ChildSpec] = {}
    for given in specs:
        spec = validate_child(given, auto_shutdown)
        if spec.id in checked:
            raise SpecError(("duplicate_child_name", spec.id), f"two children have the id {spec.id!r}")
        checked[spec.id] = spec
    return tuple(checked.values())


def child(given: object, **overrides: object) -> ChildSpec:
    """Return the specification of a child given in one of the short forms.

    A class may say itself how it wants to be supervised, with a class method
    `child_spec(*args, **kwargs)` that returns a `ChildSpec` or a mapping.

    Args:
        given: a `ChildSpec`, a mapping, a class, `(class, kwargs)`, `(class, args)` or
            `(class, args, kwargs)`; args a tuple or list, kwargs a mapping for the class.
        overrides: fields of `ChildSpec` that replace those of the specification.

    Raises:
        SpecError: it is none of these, or the outcome is invalid.
        TypeError: an override is no field of `ChildSpec`.
    """
    unknown = sorted(set(overrides) - set(_FIELD_NAMES))
    if unknown:
        raise TypeError(f"ChildSpec has no field {unknown[0]!r}; it has {', '.join(_FIELD_NAMES)}")
    base = _described(given)
    if isinstance(base, ChildSpec):
        return replace(base, **overrides) if overrides else base  # type: ignore[arg-type]
    return validate_child({**base, **overrides})


def _described(given: object) -> ChildSpec | Mapping[str, object]:
    if isinstance(given, ChildSpec):
        return given
    if isinstance(given, Mapping):
        return given
    cls, args, kwargs = _class_and_arguments(given)
    own = getattr(cls, "child_spec", None)
    if callable(own):
        described = own(*args, **kwargs)
        if not isinstance(described, ChildSpec | Mapping):
            raise SpecError(
                ("invalid_child_spec", described),
                f"{cls.__name__}.child_spec must return a ChildSpec or a mapping, not {described!r}",
            )
        return described
    supervises = getattr(cls, "supervision_type", "worker") == "supervisor"
    kind = {"type": "supervisor"} if supervises else {}
    return {"id": cls.__name__, "start": (cls, args, kwargs), **kind}


def _class_and_arguments(given: object) -> tuple[type, tuple[object, ...], Mapping[str, object]]:
    match given:
        case type():
            return given, (), {}
        case (type() as cls, Mapping() as kwargs):
            return cls, (), kwargs
        case (type() as cls, (tuple() | list()) as args):
            return cls, tuple(args), {}
        case (type() as cls, (tuple() | list()) as args, Mapping() as kwargs):
            return cls, tuple(args), kwargs
    raise SpecError(
        ("invalid_child_spec", given),
        f"{given!r} does not describe a child: give a ChildSpec, a class, (class, arguments) or a mapping",
    )


def _check_mapping_head(values: Mapping[str, object], auto_shutdown: AutoShutdown | None) -> None:
    """Check what OTP checks before it compares `significant` with the supervisor's `auto_shutdown`."""
    check_id(values["id"])
    checked_start(values["start"])
    check_choice("restart_type", values.get("restart", "permanent"), _RESTARTS)
    if values.get("significant") is True:
        check_auto_shutdown(True, auto_shutdown)
