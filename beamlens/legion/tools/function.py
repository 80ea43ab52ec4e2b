"""One function of a tool: how it is documented, and how plain data from Lua becomes its arguments."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Any, Final

from beamlens.errors import BeamlensError
from beamlens.legion.hints import Unfit, convert, describe

__all__ = ["ToolError", "ToolFunction"]

_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class ToolError(BeamlensError):
    """A call of a tool failed; the text is for the model and begins with the function's name."""


class ToolFunction:
    """Call one function as Lua does: by position, with plain data. The agent's process, any thread.

    Keyword-only parameters are not reachable and keep their defaults.

    Args:
        name: as Lua calls it.
        function: the function.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function
        self._signature = _signature(function)
        self._hints = _hints(function)

    @property
    def docs(self) -> str:
        """Return the signature and the docstring for the model."""
        head = f"`{self.name}{self._shown_signature()}`"
        text = inspect.getdoc(self.function) or ""
        return f"{head}\n{text}" if text else head

    def _shown_signature(self) -> str:
        if self._signature is None:
            return "(...)"
        shown = [_shown(parameter, self._hints) for parameter in self._parameters()]
        result = self._hints.get("return", inspect.Signature.empty)
        arrow = "" if result is inspect.Signature.empty else f" -> {describe(result)}"
        return f"({', '.join(shown)}){arrow}"

    def _parameters(self) -> list[inspect.Parameter]:
        if self._signature is None:
            return []
        wanted = (*_POSITIONAL, inspect.Parameter.VAR_POSITIONAL)
        return [parameter for parameter in self._signature.parameters.values() if parameter.kind in wanted]

    def __call__(self, arguments: Sequence[Any]) -> Any:
        """Check and convert the arguments, call the function, return what it returns.

        Raises:
            ToolError: too many or too few arguments, one of another type, or the function raised: whatever, SystemExit
                as well.
        """
        converted = self._converted(list(arguments))
        try:
            return self.function(*converted)
        except ToolError:
            raise
        except BaseException as error:  # a tool ends an evaluation at most, never the agent
            raise ToolError(f"{self.name}: {type(error).__name__}{_said(error)}") from error

    def _converted(self, arguments: list[Any]) -> list[Any]:
        if self._signature is None:
            return arguments
        plain = [parameter for parameter in self._parameters() if parameter.kind in _POSITIONAL]
        rest = next((each for each in self._parameters() if each.kind is inspect.Parameter.VAR_POSITIONAL), None)
        while len(arguments) > len(plain) and rest is None and arguments[-1] is None:
            arguments.pop()  # a trailing nil is how Lua passes nothing
        least = sum(parameter.default is inspect.Parameter.empty for parameter in plain)
        if len(arguments) < least or (len(arguments) > len(plain) and rest is None):
            raise ToolError(
                f"{self.name} takes {_accepted(least, len(plain), rest)}, {len(arguments)} given: "
                f"{self.name}{self._shown_signature()}"
            )
        named = [*plain, *([rest] * (len(arguments) - len(plain)) if rest is not None else [])]
        return [self._argument(parameter, value) for parameter, value in zip(named, arguments, strict=False)]

    def _argument(self, parameter: inspect.Parameter, value: Any) -> Any:
        if value is None and parameter.default is not inspect.Parameter.empty:
            return parameter.default
        hint = self._hints.get(parameter.name, Any)
        try:
            return convert(value, hint, parameter.name)
        except Unfit as error:
            raise ToolError(f"{self.name}: {error}") from error


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:  # a hint that names what is only there for type checkers says nothing here
        return {}


def _shown(parameter: inspect.Parameter, hints: dict[str, Any]) -> str:
    star = "*" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else ""
    hint = f": {describe(hints[parameter.name])}" if parameter.name in hints else ""
    default = "" if parameter.default is inspect.Parameter.empty else f" = {parameter.default!r}"
    return f"{star}{parameter.name}{hint}{default}"


def _accepted(least: int, most: int, rest: object) -> str:
    if rest is not None:
        return f"at least {least} arguments"
    return f"{most} argument{'s' * (most != 1)}" if least == most else f"{least} to {most} arguments"


def _said(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # a __str__ that raises
        return ""
    return f": {text}" if text else ""
