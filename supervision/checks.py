"""The checks behind `supervision.spec`: each raises `SpecError` with OTP's term, or returns the value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from supervision.errors import SpecError

__all__ = [
    "check_auto_shutdown",
    "check_budget",
    "check_choice",
    "check_id",
    "check_max_failures",
    "check_significant",
    "checked_modules",
    "checked_shutdown",
    "checked_start",
    "is_count",
    "is_seconds",
]

WORKER_SHUTDOWN: Final = 5.0


def check_id(value: object) -> None:
    """Raise unless the value can name a child."""
    try:
        hash(value)
    except TypeError:
        raise SpecError(("invalid_id", value), f"a child's id must be hashable, {value!r} is not") from None


def checked_start(value: object) -> tuple[Callable[..., object], tuple[object, ...], Mapping[str, object]]:
    """Return a start as (callable, args, kwargs)."""
    match value:
        case (function, (tuple() | list()) as args) if callable(function):
            return function, tuple(args), {}
        case (function, (tuple() | list()) as args, Mapping() as kwargs) if callable(function):
            return function, tuple(args), kwargs
    if callable(value):
        return value, (), {}
    raise SpecError(("invalid_mfa", value), f"start must be a callable or (callable, args[, kwargs]), not {value!r}")


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise unless the value is one of these words."""
    if not isinstance(value, str) or value not in choices:
        text = f"{name} is {value!r}; it must be one of {', '.join(choices)}"
        raise SpecError((f"invalid_{name}", value), text)


def check_significant(significant: object, restart: str) -> None:
    """Raise unless it is a bool that goes with the restart type."""
    if not isinstance(significant, bool):
        raise SpecError(("invalid_significant", significant), "significant must be True or False")
    if significant and restart == "permanent":
        pair = (("restart", "permanent"), ("significant", True))
        text = "a permanent child cannot be significant: it is always restarted"
        raise SpecError(("bad_combination", pair), text)


def check_auto_shutdown(significant: bool, auto_shutdown: str | None) -> None:
    """Raise for a significant child of a supervisor that never shuts itself down."""
    if significant and auto_shutdown == "never":
        pair = (("auto_shutdown", "never"), ("significant", True))
        text = "a significant child needs a supervisor whose auto_shutdown is not 'never'"
        raise SpecError(("bad_combination", pair), text)


def checked_shutdown(value: object, kind: str) -> object:
    """Return the shutdown with the default for the type of child filled in."""
    if value is None:
        return WORKER_SHUTDOWN if kind == "worker" else "infinity"
    if is_seconds(value) or (isinstance(value, str) and value in ("infinity", "brutal_kill")):
        return value
    text = f"shutdown must be seconds >= 0, 'infinity' or 'brutal_kill', not {value!r}"
    raise SpecError(("invalid_shutdown", value), text)


def checked_modules(value: object, function: Callable[..., object]) -> tuple[str, ...] | str:
    """Return the modules with the default, the module of the start callable, filled in."""
    if value is None:
        return (getattr(function, "__module__", None) or type(function).__module__,)
    if isinstance(value, str) and value == "dynamic":
        return value
    if not isinstance(value, list | tuple):
        raise SpecError(("invalid_modules", value), "modules must be a list of names or 'dynamic'")
    for element in value:
        if not isinstance(element, str):
            raise SpecError(("invalid_module", element), f"{element!r} is not the name of a module")
    return tuple(value)


def check_max_failures(value: object, healthy_after: object) -> None:
    """Raise unless it is a count, and healthy_after says when the count begins anew."""
    if healthy_after is not None and not is_seconds(healthy_after):
        raise SpecError(("invalid_healthy_after", healthy_after), "healthy_after must be seconds >= 0")
    if value is not None and (not is_count(value) or healthy_after is None):
        raise SpecError(("invalid_max_failures", value), "max_failures is a count and needs healthy_after")


def check_budget(value: object) -> None:
    """Raise unless it is (intensity, period in seconds)."""
    match value:
        case None:
            return
        case (intensity, period) if is_count(intensity) and is_seconds(period) and period != 0:
            return
    raise SpecError(("invalid_own_budget", value), "own_budget is (intensity, period in seconds > 0)")


def is_count(value: object) -> bool:
    """Tell whether the value is an integer >= 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_seconds(value: object) -> bool:
    """Tell whether the value is a finite number >= 0."""
    return is_count(value) or (isinstance(value, float) and math.isfinite(value) and value >= 0)
