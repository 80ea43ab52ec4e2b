"""Arguments are checked against a callback's signature before it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Optional

import pytest

from beamlens.errors import SkillError
from beamlens.probe.arguments import checked_arguments, signature_text


def nothing() -> None: ...
def count(limit: int = 10) -> None: ...
def rate(seconds: float) -> None: ...
def text(name: str, exact: bool = False) -> None: ...
def maybe(name: str | None, at: Optional[int] = 3) -> None: ...  # noqa: UP045
def either(key: int | str) -> None: ...
def order(by: Literal["size", "age"]) -> None: ...
def table(options: dict[str, Any]) -> None: ...
def mapping(options: Mapping[str, Any]) -> None: ...
def rows(items: list[int]) -> None: ...
def sequence(items: Sequence[str]) -> None: ...
def many(first: int, *rest: int) -> None: ...
def free(anything, other=None): ...  # type: ignore[no-untyped-def]
def any_of_it(value: Any) -> None: ...
def unknown(value: NotThere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        (nothing, [], []),
        (nothing, [None], []),
        (count, [], []),
        (count, [5], [5]),
        (count, [5.0], [5]),
        (count, [None], []),
        (rate, [2], [2.0]),
        (text, ["a"], ["a"]),
        (text, ["a", True], ["a", True]),
        (text, ["a", None], ["a"]),
        (maybe, [None], [None]),
        (maybe, ["a", None], ["a"]),
        (either, ["a"], ["a"]),
        (either, [2.0], [2]),
        (order, ["age"], ["age"]),
        (table, [{"a": 1}], [{"a": 1}]),
        (table, [[]], [{}]),
        (mapping, [[]], [{}]),
        (rows, [[1]], [[1]]),
        (rows, [{}], [[]]),
        (sequence, [["a"]], [["a"]]),
        (many, [1, 2, 3], [1, 2, 3]),
        (free, [object], [object]),
        (any_of_it, [[1]], [[1]]),
        (unknown, [1], [1]),
        (dict, [1, 2], [1, 2]),
    ],
)
def test_fitting_arguments_are_taken_as_the_annotations_say(
    function: Callable[..., Any], given: list[Any], expected: list[Any]
) -> None:
    found = checked_arguments("f", function, given)
    assert found == expected
    assert list(map(type, found)) == list(map(type, expected))


@pytest.mark.parametrize(
    ("function", "given", "said"),
    [
        (nothing, [1], "f(): 1 argument was given"),
        (count, [1, 2], "f(limit: integer = 10): 2 arguments were given"),
        (rate, [], "f(seconds: number): 0 arguments were given"),
        (rate, [None], "f(seconds: number): seconds is nil; number is expected"),
        (count, ["5"], "limit is '5'; integer is expected"),
        (count, [5.5], "limit is 5.5; integer is expected"),
        (count, [True], "limit is true; integer is expected"),
        (count, [float("nan")], "limit is nan; integer is expected"),
        (count, [float("inf")], "limit is inf; integer is expected"),
        (count, [1e300], "limit is 1e+300; integer is expected"),
        (rate, ["fast"], "seconds is 'fast'; number is expected"),
        (text, [1], "name is 1; text is expected"),
        (text, ["a", 1], "exact is 1; boolean is expected"),
        (maybe, [[]], "name is []; text or nil is expected"),
        (either, [None], "key is nil; integer or text is expected"),
        (order, ["name"], "by is 'name'; 'size' or 'age' is expected"),
        (table, ["a"], "options is 'a'; table is expected"),
        (table, [[1]], "options is [1]; table is expected"),
        (rows, [{"a": 1}], "items is {'a': 1}; list is expected"),
        (many, [1, "b"], "rest is 'b'; integer is expected"),
        (text, [["x" * 200]], "...; text is expected"),
    ],
)
def test_what_does_not_fit_is_said_with_what_is_expected(
    function: Callable[..., Any], given: list[Any], said: str
) -> None:
    with pytest.raises(SkillError) as raised:
        checked_arguments("f", function, given)
    assert raised.value.kind == "bad_arguments"
    assert said in raised.value.text


def test_a_signature_reads_as_documentation_does() -> None:
    assert signature_text("redis_get", text) == "redis_get(name: text, exact: boolean = false)"
    assert signature_text("f", many) == "f(first: integer, *rest: integer)"
    assert signature_text("f", free) == "f(anything, other = nil)"
    assert signature_text("f", type) == "f(...)"
