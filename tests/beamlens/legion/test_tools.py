"""Tools as people write them are called from Lua in a real sandbox, or say what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from beamlens.errors import ConfigurationError
from beamlens.legion import Tool
from beamlens.legion.hints import convert, describe
from beamlens.legion.schemas import inlined, schema_of
from beamlens.legion.tools.tool import tool_of
from beamlens.legion.tools.toolbox import Toolbox
from tests.beamlens.legion.conftest import Tree
from tests.beamlens.legion.toolbelt import FUNCTIONS, Adder, Counter, Handy, Node, Point, Row, Sub, node, unreachable


@pytest.fixture
def agent(start: Tree) -> Any:
    return start([]).start_agent(Handy)


FITS: list[tuple[str, object]] = [
    ("later(1)", 2),
    ("Sub.add(2) + Sub.more()", 4),
    ("drops()", [1, 2]),
    ("numbers(3)", [0, 1, 2]),
    ("keyword(1, true)", [1, True, False]),
    ("keyword(1, false, true)", [1, False, True]),
    ("behind(1, 2, 3)", [1, [2, 3], False]),
    ("row({name = 'a'})", "{'name': 'a'}"),
    ("row({name = 'a', count = 2})", "{'count': 2, 'name': 'a'}"),
    ("point({1, 3})", "Point(x=1, y=3)"),
    ("point({1})", "Point(x=1, y=2)"),
    ("point({x = 1})", "Point(x=1, y=2)"),
    ("node({name = 'a', children = {{name = 'b', mood = 'bad'}}}).children[1].mood", "bad"),
    ("model({name = 'ab', mood = 'bad'}).ab", {"name": "ab", "mood": "bad"}),
    (
        "texts('/tmp', '1.50', '00000000-0000-0000-0000-000000000007', 'ab')",
        ["PosixPath", "1.50", "7", "b'ab'"],
    ),
    ("user(7, true, {1, 2}, {'a', 'b'})", [7, True, [1, 2], {"1": "a", "2": "b"}]),
    ("either({name = 'a'})", "Node"),
    ("either({1, 2})", "list"),
    ("haunted(3)", 3),
    ("cached(3)", 3),
    ("Sub.double(4)", 8),
    ("Sub.kind()", "Sub"),
    ("Adder(1)", 2),
    ("adder(1)", 2),
    ("plus(2)", 7),
]


def test_calls_that_fit(agent: Any) -> None:
    found = {code: agent.eval(f"return {code}") for code, _ in FITS}
    assert found == {code: (True, value) for code, value in FITS}


WRONG = [
    ("never()", "never did not return within"),
    ("endless()", "endless: ValueError: more than 100000 items"),
    ("breaks()", "breaks: OSError: the pipe broke"),
    (
        "keyword(1)",
        "keyword takes 2 to 3 arguments, 1 given: keyword(number: int, loud: bool, twice: bool = False)",
    ),
    ("row({count = 1})", "value has no name; Row(name, count) is expected"),
    ("row({name = 1})", "value.name is 1; str is expected"),
    ("point({1, 2, 3})", "Point is expected"),
    ("node({name = 'a', children = {{nam = 'b'}}})", "value.children[0] has no name; Node(name, mood, children)"),
    ("picky({size = -1})", "value is no Picky: 'no size'"),
    ("model({name = 'a'})", "at least 2 characters"),
    ("texts('/', 'x', 'y', 'z')", "number is 'x'; a number, or a text, (Decimal) is expected"),
    ("user('7', true, {}, {})", "value is '7'; int is expected"),
    ("either({nam = 'a'})", "value has no name; Node("),
    ("either('some')", "value is 'some'; Node | Literal['none'] | list[int] is expected"),
    ("haunted('x')", "number is 'x'; int is expected"),
    ("Sub.trap()", "attempt to call a nil value"),
    ("Sub.other_trap()", "attempt to call a nil value"),
]


def test_calls_that_do_not(agent: Any) -> None:
    for code, text in WRONG:
        ok, said = agent.eval(f"return {code}")
        assert ok is False
        assert text in said
        assert "ToolError" not in said


def test_what_a_failed_tool_says_begins_with_its_name(agent: Any) -> None:
    assert agent.eval("return select(2, pcall(breaks))") == (True, "breaks: OSError: the pipe broke")


def test_an_open_file_is_not_read(agent: Any) -> None:
    from beamlens.legion.tools.outcome import finished

    with open(__file__) as file:
        assert finished(file) is file


def test_properties_are_not_read_to_find_functions() -> None:
    assert list(tool_of(Sub, {}).functions) == ["Sub.double", "Sub.kind", "Sub.add", "Sub.more"]
    assert "Counter.trap" not in tool_of(Counter(), {}).functions


def test_the_model_is_told_what_types_are() -> None:
    prompt = Toolbox(FUNCTIONS, lambda _: {}).prompt
    for told in (
        "Node: {name: str, mood: Mood = 'good', children: list[Node] (optional)}",
        "Mood: 'good' | 'bad'",
        "Row: {name: str, count: int (optional)}",
        "Point: {x: int, y: int = 2}",
        "Model: {name: str, mood: Mood | None = None}",
        "`haunted(number: int, ghost: Ghost | None = None) -> Ghost`",
        "`user(value: int, flag: bool, some: Iterable[int], keys: dict[int, str]) -> list[Any]`",
    ):
        assert told in prompt
    assert "toolbelt." not in prompt


def test_a_description_of_ones_own_is_told_for_functions_too() -> None:
    assert "Only on Sundays." in tool_of(Tool(node, description="Only on Sundays."), {}).docs


def test_what_code_could_never_call_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigurationError, match="needs the keyword loud, which code cannot give behind"):
        tool_of(unreachable, {})


def test_what_is_only_called_has_its_own_docstring_or_none() -> None:
    assert tool_of(Adder, {}).docs == "### Adder\n\nBe called.\n\n`Adder(number: int) -> int`"


def test_a_type_that_contains_itself_has_a_schema() -> None:
    schema = schema_of(Node)
    assert schema["properties"]["children"] == {"type": "array", "items": {}}
    assert schema_of(Row)["required"] == ["name"]
    assert schema_of(Point)["required"] == ["x"]


def test_definitions_are_inlined_under_both_their_names() -> None:
    old = {"definitions": {"A": {"type": "string"}}, "properties": {"definitions": {"$ref": "#/definitions/A"}}}
    assert inlined(old) == {"properties": {"definitions": {"type": "string"}}}


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (list[Node], "list[Node]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (dict[str, Node | None], "dict[str, Node | None]"),
        (None, "None"),
        ("Ghost", "Ghost"),
    ],
)
def test_hints_are_told_without_their_modules(hint: Any, text: str) -> None:
    assert describe(hint) == text


@pytest.mark.parametrize("bare", [list, tuple, set, dict])
def test_bare_containers_take_anything(bare: Any) -> None:
    import typing

    named = {list: typing.List, tuple: typing.Tuple, set: typing.Set, dict: typing.Dict}[bare]  # noqa: UP006
    value: Any = {"a": 1} if bare is dict else [1]
    assert convert(value, named) == bare(value)
    assert schema_of(named)["type"] == ("object" if bare is dict else "array")
