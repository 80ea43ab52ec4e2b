"""One function of a tool: how it is documented, and how plain data from Lua becomes its arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final

from beamlens.errors import BeamlensError, ConfigurationError
from beamlens.legion.hints import Unfit, convert, describe
from beamlens.legion.records import hints_of
from beamlens.legion.tools.outcome import finished

__all__ = ["ToolError", "ToolFunction"]

_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_KEYWORD: Final = inspect.Parameter.KEYWORD_ONLY
_REST: Final = inspect.Parameter.VAR_POSITIONAL
_NOTHING: Final = inspect.Parameter.empty


class ToolError(BeamlensError):
    """A call of a tool failed; the text is for the model and begins with the function's name."""


class ToolFunction:
    """Call one function as Lua does: by position, with plain data. The agent's process, any thread.

    Keyword-only parameters come after the others; behind `*args` they are not reachable and keep their defaults.
    A coroutine is run to its end, and what a generator gives is made a list.

    Args:
        name: as Lua calls it.
        function: the function.

    Raises:
        ConfigurationError: code could never call it, as it needs a keyword behind `*args`.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function
        self._signature = _signature(function)
        self.hints = hints_of(_written(function))
        parameters = [] if self._signature is None else list(self._signature.parameters.values())
        self._rest = next((each for each in parameters if each.kind is _REST), None)
        self._plain = [each for each in parameters if each.kind in _POSITIONAL]
        keywords = [each for each in parameters if each.kind is _KEYWORD]
        self._keywords = [] if self._rest is not None else keywords
        needed = [each.name for each in keywords if self._rest is not None and each.default is _NOTHING]
        if needed:
            raise ConfigurationError(
                f"{name} needs the keyword {needed[0]}, which code cannot give behind *{self._rest and self._rest.name}"
            )

    @property
    def docs(self) -> str:
        """Return the signature and the docstring for the model."""
        head = f"`{self.name}{self._shown_signature()}`"
        written = _written(self.function)
        text = (inspect.getdoc(written) if written is self.function else inspect.cleandoc(written.__doc__ or "")) or ""
        return f"{head}\n{text}" if text else head

    def _shown_signature(self) -> str:
        if self._signature is None:
            return "(...)"
        rest = [] if self._rest is None else [self._rest]
        shown = [_shown(parameter, self.hints) for parameter in (*self._plain, *rest, *self._keywords)]
        result = self.hints.get("return", self._signature.return_annotation)
        arrow = "" if result is inspect.Signature.empty else f" -> {describe(result)}"
        return f"({', '.join(shown)}){arrow}"

    def __call__(self, arguments: Sequence[Any]) -> Any:
        """Check and convert the arguments, call the function, return what it returns.

        Raises:
            ToolError: too many or too few arguments, one of another type, or the function raised: whatever, SystemExit
                as well.
        """
        plain, named = self._converted(list(arguments))
        try:
            return finished(self.function(*plain, **named))
        except ToolError:
            raise
        except BaseException as error:  # a tool ends an evaluation at most, never the agent
            raise ToolError(f"{self.name}: {type(error).__name__}{_said(error)}") from error

    def _converted(self, arguments: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        if self._signature is None:
            return arguments, {}
        by_position = [*self._plain, *self._keywords]
        while len(arguments) > len(by_position) and self._rest is None and arguments[-1] is None:
            arguments.pop()  # a trailing nil is how Lua passes nothing
        self._check_count(len(arguments), by_position)
        rest = [] if self._rest is None else [self._rest] * (len(arguments) - len(by_position))
        parameters = [*by_position, *rest][: len(arguments)]
        values = [self._argument(parameter, value) for parameter, value in zip(parameters, arguments, strict=True)]
        named = {
            parameter.name: value
            for parameter, value in zip(parameters, values, strict=True)
            if parameter.kind is _KEYWORD
        }
        return values[: len(values) - len(named)], named

    def _check_count(self, given: int, by_position: Sequence[inspect.Parameter]) -> None:
        most = len(by_position)
        least = max((place for place, each in enumerate(by_position, 1) if each.default is _NOTHING), default=0)
        if given < least or (given > most and self._rest is None):
            raise ToolError(
                f"{self.name} takes {_accepted(least, most, self._rest)}, {given} given: "
                f"{self.name}{self._shown_signature()}"
            )

    def _argument(self, parameter: inspect.Parameter, value: Any) -> Any:
        if value is None and parameter.default is not _NOTHING:
            return parameter.default
        hint = self.hints.get(parameter.name, Any)
        try:
            return convert(value, hint, parameter.name)
        except Unfit as error:
            raise ToolError(f"{self.name}: {error}") from error


def _written(function: Callable[..., Any]) -> Any:
    """Return what a user wrote: where the docstring and the hints are."""
    if isinstance(function, functools.partial):
        return _written(function.func)
    return function if inspect.isroutine(function) else type(function).__call__


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _shown(parameter: inspect.Parameter, hints: dict[str, Any]) -> str:
    star = "*" if parameter.kind is _REST else ""
    said = hints.get(parameter.name, parameter.annotation)  # a text where nothing has that name
    hint = "" if said is _NOTHING else f": {describe(said)}"
    default = "" if parameter.default is _NOTHING else f" = {_default(parameter.default)}"
    return f"{star}{parameter.name}{hint}{default}"


def _default(value: Any) -> str:
    try:
        return repr(value.value if isinstance(value, Enum) else value)
    except Exception:  # a __repr__ that raises must not keep the agent from starting
        return "..."


def _accepted(least: int, most: int, rest: object) -> str:
    if rest is not None:
        return f"at least {least} argument{'s' * (least != 1)}"
    return f"{most} argument{'s' * (most != 1)}" if least == most else f"{least} to {most} arguments"


def _said(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # a __str__ that raises
        return ""
    return f": {text}" if text else ""
