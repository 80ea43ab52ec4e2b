"""What only a wrapper in the function's place meets: the way of Python 3.11, and where others have the tool numbers."""

from __future__ import annotations

import pytest

from beamlens.errors import SkillError
from beamlens.skills.tracer import Tracer
from tests.beamlens.skills.tracer import functions

_HERE = "tests.beamlens.skills.tracer.functions"

pytestmark = pytest.mark.usefixtures("taken")


@pytest.fixture
def wrapping() -> Tracer:
    return Tracer()


def test_who_replaced_the_function_meanwhile_keeps_its_place(wrapping: Tracer) -> None:
    original = functions.place
    assert wrapping.begin(f"{_HERE}.place")["how"] == "wrapper"
    traced = functions.place

    def theirs(number: int, secret: str = "") -> str:
        return "theirs " + traced(number, secret)

    functions.place = theirs
    try:
        wrapping.end()
        assert functions.place is theirs
        assert functions.place(1) == "theirs "
        assert wrapping.snapshot()["wrappers_left_behind"] == 1
        assert wrapping.get()["count"] == 0
    finally:
        functions.place = original


def test_a_wrapper_that_was_left_behind_is_not_wrapped_again(wrapping: Tracer) -> None:
    original = functions.place
    wrapping.begin(f"{_HERE}.place")
    traced, functions.place = functions.place, original
    wrapping.end()
    functions.place = traced
    try:
        with pytest.raises(SkillError, match="the wrapper of an earlier trace is still in its place"):
            wrapping.begin(f"{_HERE}.place")
        assert functions.place is traced
    finally:
        functions.place = original


@pytest.mark.parametrize("name", ["cached", "Order.total"])
def test_the_place_of_what_is_more_than_a_function_is_not_taken(wrapping: Tracer, name: str) -> None:
    cached, total = functions.cached, vars(functions.Order)["total"]
    with pytest.raises(SkillError, match="whose place a wrapper cannot take"):
        wrapping.begin(f"{_HERE}.{name}")
    assert (functions.cached, vars(functions.Order)["total"]) == (cached, total)


def test_of_a_decorated_function_the_decorated_calls_are_counted(wrapping: Tracer) -> None:
    wrapping.begin(f"{_HERE}.decorated")
    assert functions.decorated(4) == 8
    assert wrapping.get()["count"] == 1
    wrapping.end()
