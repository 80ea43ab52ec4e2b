"""Calls of a callback with good, edge and wrong arguments, made from its annotations."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Union, get_args, get_origin

__all__ = ["GeneratedCall", "generated_calls"]

Intent = Literal["good", "edge", "wrong"]

_GOOD: Final[dict[Any, Any]] = {int: 5, float: 0.1, str: "a", bool: True, list: [], dict: {}}
_EDGES: Final[dict[Any, Sequence[Any]]] = {
    int: [0, -1, 1, 1_000_000],  # more could take all memory where a skill has no bound, and the test is to say so
    float: [0.0, -1.0, 1e-9, 1e18],
    str: ["", "\x00", "x" * 10_000, "../../etc/passwd", "'; --", "\U0001f600"],
    bool: [False],
    list: [[None] * 1000],
    dict: [{"": None}],
}
_WRONG: Final[dict[Any, Sequence[Any]]] = {
    int: ["five", 1.5, [1]],
    float: ["fast", [1]],
    str: [5, {"a": 1}],
    bool: ["yes", 1],
    list: ["a", {"a": 1}],
    dict: ["a", [1]],
}


@dataclass(frozen=True, slots=True)
class GeneratedCall:
    """Be one call to make.

    Args:
        name: of the callback.
        args: its arguments.
        intent: `good` must give a result, `edge` a result or a clear refusal, `wrong` must be refused.
    """

    name: str
    args: tuple[Any, ...]
    intent: Intent


def generated_calls(
    name: str, function: Callable[..., Any], examples: Sequence[Sequence[Any]] = ()
) -> Iterator[GeneratedCall]:
    """Yield calls of one callback: each parameter in turn gets an edge or a wrong value, the others stay good.

    Args:
        name: of the callback.
        function: the callback.
        examples: arguments that are known to be good; needed where annotations do not say enough.
    """
    parameters = [each for each in inspect.signature(function, eval_str=True).parameters.values() if _is_plain(each)]
    kinds = [_kind(parameter.annotation) for parameter in parameters]
    good = [_GOOD.get(kind, "a") for kind in kinds]
    starts = [list(example) for example in examples]
    if not starts:
        required = sum(parameter.default is inspect.Parameter.empty for parameter in parameters)
        starts = [good[:required]]
        yield GeneratedCall(name, tuple(good), "good" if required == 0 else "edge")
    for start in starts:
        yield GeneratedCall(name, tuple(start), "good" if examples or not start else "edge")
    base = (starts[0] + good[len(starts[0]) :])[: len(parameters)]
    for at, kind in enumerate(kinds):
        yield from (_with(name, base, at, value, "edge") for value in _EDGES.get(kind, ()))
        yield from (_with(name, base, at, value, "wrong") for value in _WRONG.get(kind, ()))
    if not any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in _parameters(function)):
        yield GeneratedCall(name, (*base, 1, 2), "wrong")


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def _is_plain(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _with(name: str, base: Sequence[Any], at: int, value: Any, intent: Intent) -> GeneratedCall:
    return GeneratedCall(name, (*base[:at], value), intent)


def _kind(annotation: Any) -> Any:
    """Return the one simple type that an annotation means, None where it means several or none that is known."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        kinds = {_kind(each) for each in get_args(annotation) if each is not type(None)}
        return kinds.pop() if len(kinds) == 1 else None
    kind = origin or annotation
    return kind if isinstance(kind, type) and kind in _GOOD else None
