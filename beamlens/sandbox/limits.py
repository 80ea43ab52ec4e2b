"""How much one evaluation may take."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Final

from beamlens.errors import ConfigurationError
from supervision import wire_value

__all__ = ["Limits"]

_MOST: Final = {"memory_bytes": 1 << 30, "instructions": 1 << 53, "depth": 64}
_LEAST: Final = {"memory_bytes": 1 << 18}
_ANY_BYTES: Final = 1 << 26


@wire_value
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bound one evaluation.

    Args:
        code_bytes: of source, as UTF-8.
        wall_seconds: for Lua itself; then the process is killed.
        instructions: of the Lua machine, counted in steps of a thousand.
        memory_bytes: of the Lua state.
        callback_calls: to the host; one more ends the evaluation.
        callback_seconds: for one callback, which the program then hears of as a failure; None calls it on
            the caller's own thread and waits for it as long as it takes.
        pause_in_callbacks: whether `wall_seconds` stands still while the host works for the program.
        total_seconds: for everything together, whatever stands still; None for no such bound.
        argument_bytes: of one call's arguments, packed.
        callback_result_bytes: of one callback's result, packed.
        result_bytes: of the program's result, packed.
        error_chars: of an error's text.
        bindings_bytes: of the globals that are set and kept, packed.
        depth: of nested tables in arguments, results and globals.

    Raises:
        ConfigurationError: a number is out of its range.
    """

    code_bytes: int = 64 * 1024
    wall_seconds: float = 2.0
    instructions: int = 20_000_000
    memory_bytes: int = 32 * 1024 * 1024
    callback_calls: int = 200
    callback_seconds: float | None = 10.0
    pause_in_callbacks: bool = True
    total_seconds: float | None = 60.0
    argument_bytes: int = 64 * 1024
    callback_result_bytes: int = 256 * 1024
    result_bytes: int = 256 * 1024
    error_chars: int = 2_000
    bindings_bytes: int = 256 * 1024
    depth: int = 16

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "pause_in_callbacks":
                if type(value) is not bool:
                    raise ConfigurationError(f"pause_in_callbacks is True or False, not {value!r}")
            elif field.name.endswith("_seconds"):
                _check_seconds(field.name, value)
            else:
                _check_count(field.name, value)


def _check_seconds(name: str, value: object) -> None:
    if value is None and name != "wall_seconds":
        return
    if type(value) not in (int, float) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigurationError(f"{name} is a number of seconds above 0, not {value!r}")


def _check_count(name: str, value: object) -> None:
    least = _LEAST.get(name, 0 if name == "callback_calls" else 1)
    most = _MOST.get(name, _ANY_BYTES)
    if type(value) is not int or not least <= value <= most:
        raise ConfigurationError(f"{name} is an integer from {least} to {most}, not {value!r}")
