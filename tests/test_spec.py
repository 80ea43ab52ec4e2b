"""Specifications and flags: defaults, checks and their order, short forms."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervision.errors import SpecError
from supervision.spec import (
    ArgumentsNotKept,
    Backoff,
    ChildSpec,
    SupervisorFlags,
    check_childspecs,
    child,
    validate_child,
    validate_flags,
)

GOOD: dict[str, Any] = {"id": "a", "start": lambda: None}
NEVER = (("auto_shutdown", "never"), ("significant", True))


class Worker:
    """Be a child by its class."""


class Chief:
    """Be a supervisor by its class."""

    supervision_type = "supervisor"


def reason(function: Any, *args: Any, **kwargs: Any) -> Any:
    with pytest.raises(SpecError) as caught:
        function(*args, **kwargs)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value)
    return caught.value.reason


# --- ChildSpec ----------------------------------------------------------------------------------------


def test_a_spec_is_complete_and_frozen() -> None:
    spec = ChildSpec(id="a", start=(Worker, (), {}))
    assert (spec.restart, spec.type, spec.shutdown, spec.significant) == ("permanent", "worker", 5.0, False)
    assert spec.modules == (__name__,)
    assert (spec.backoff, spec.healthy_after, spec.max_failures, spec.own_budget) == (None, None, None, None)
    with pytest.raises(FrozenInstanceError):
        spec.restart = "temporary"  # type: ignore[misc]


def test_a_supervisor_may_take_for_ever() -> None:
    assert validate_child({**GOOD, "type": "supervisor"}).shutdown == "infinity"
    assert validate_child({**GOOD, "type": "supervisor", "shutdown": 1.5}).shutdown == 1.5


@pytest.mark.parametrize("start", [Worker, (Worker, ()), (Worker, []), (Worker, (), {}), functools.partial(Worker)])
def test_every_form_of_start_becomes_a_triple(start: Any) -> None:
    function, args, kwargs = ChildSpec(id="a", start=start).start
    assert callable(function)
    assert (args, kwargs) == ((), {})


@pytest.mark.parametrize("start", [None, "bad", (), (Worker,), ("bad", ()), (Worker, 1), (Worker, (), 1)])
def test_a_wrong_start(start: Any) -> None:
    assert reason(validate_child, {**GOOD, "start": start}) == ("invalid_mfa", start)


def test_the_parts_of_a_specification_are_required() -> None:
    assert reason(validate_child, {}) == "missing_id"
    assert reason(validate_child, {"id": 1, "restart": "sometimes"}) == "missing_start"
    others: list[Any] = [None, 7, "a", [], ("a", Worker)]
    for other in others:
        assert reason(validate_child, other) == ("invalid_child_spec", other)


WRONG: list[tuple[str, Any, str]] = [
    ("restart", "sometimes", "invalid_restart_type"),
    ("restart", None, "invalid_restart_type"),
    ("restart", [], "invalid_restart_type"),
    ("significant", "yes", "invalid_significant"),
    ("significant", 1, "invalid_significant"),
    ("type", "wrker", "invalid_child_type"),
    ("shutdown", -1, "invalid_shutdown"),
    ("shutdown", True, "invalid_shutdown"),
    ("shutdown", "soon", "invalid_shutdown"),
    ("shutdown", float("inf"), "invalid_shutdown"),
    ("modules", "mine", "invalid_modules"),
    ("backoff", 3, "invalid_backoff"),
    ("healthy_after", -1, "invalid_healthy_after"),
    ("max_failures", 3, "invalid_max_failures"),
    ("own_budget", 3, "invalid_own_budget"),
    ("own_budget", (1, 0), "invalid_own_budget"),
    ("own_budget", (True, 1), "invalid_own_budget"),
]


@pytest.mark.parametrize(("field", "value", "name"), WRONG)
def test_wrong_values_are_named(field: str, value: Any, name: str) -> None:
    assert reason(validate_child, {**GOOD, field: value}) == (name, value)
    assert reason(ChildSpec, **{**GOOD, field: value}) == (name, value)


def test_the_first_error_is_the_answer() -> None:
    """Id, start, restart, significant, type, shutdown, modules; significant against the supervisor first."""
    wrong: dict[str, Any] = {
        "id": [], "start": 1, "restart": "r", "significant": 2, "type": "t", "shutdown": "s", "modules": "m",
    }  # fmt: skip
    names = ["id", "mfa", "restart_type", "significant", "child_type", "shutdown", "modules"]
    good: dict[str, Any] = {
        **GOOD,
        "restart": "transient",
        "significant": False,
        "type": "worker",
        "shutdown": 1,
    }
    for (field, value), name in zip(list(wrong.items()), names, strict=True):
        assert reason(validate_child, wrong, "never") == (f"invalid_{name}", value)
        wrong[field] = good.get(field)


def test_significant_children_and_auto_shutdown() -> None:
    permanent = (("restart", "permanent"), ("significant", True))
    spec = {**GOOD, "significant": True}
    assert reason(validate_child, spec, "never") == ("bad_combination", NEVER)
    assert reason(validate_child, spec, "any_significant") == ("bad_combination", permanent)
    assert reason(validate_child, {**spec, "restart": "transient", "type": "t"}, "never")[0] == "bad_combination"
    good = validate_child({**spec, "restart": "transient"})
    assert reason(validate_child, good, "never") == ("bad_combination", NEVER)
    assert validate_child(good, "all_significant") is good


def test_an_id_is_any_hashable_value() -> None:
    assert validate_child({**GOOD, "id": None}).id is None
    assert reason(validate_child, {**GOOD, "id": {}}) == ("invalid_id", {})


def test_arguments_that_are_not_kept_cannot_be_called() -> None:
    gone = ArgumentsNotKept(Worker)
    assert gone.__module__ == __name__
    assert "Worker" in repr(gone)
    assert reason(gone) == ("invalid_mfa", gone)


# --- SupervisorFlags ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("strategy", "none_for_one"),
        ("strategy", None),
        ("intensity", -1),
        ("intensity", "infinity"),
        ("intensity", True),
        ("period", 0),
        ("period", 1.5),
        ("period", "infinity"),
        ("auto_shutdown", "always"),
    ],
)
def test_wrong_flags_are_named(flag: str, value: Any) -> None:
    assert reason(validate_flags, {flag: value}) == (f"invalid_{flag}", value)


def test_flags_in_every_form() -> None:
    flags = SupervisorFlags(strategy="rest_for_one", intensity=1, period=2)
    assert validate_flags(flags) is flags
    assert validate_flags({"strategy": "rest_for_one", "intensity": 1, "period": 2, "colour": 1}) == flags
    assert validate_flags(("rest_for_one", 1, 2)) == flags
    assert reason(validate_flags, []) == ("invalid_type", [])


def test_flags_are_checked_in_otps_order() -> None:
    wrong: dict[str, Any] = {"auto_shutdown": "x", "period": 0, "intensity": -1, "strategy": "x"}
    for flag in ("strategy", "intensity", "period", "auto_shutdown"):
        assert reason(validate_flags, wrong) == (f"invalid_{flag}", wrong.pop(flag))


def test_simple_one_for_one_never_shuts_itself_down() -> None:
    flags = {"strategy": "simple_one_for_one", "auto_shutdown": "any_significant"}
    assert reason(validate_flags, flags)[0] == "bad_combination"


# --- lists --------------------------------------------------------------------------------------------


def test_check_childspecs() -> None:
    check_childspecs([])
    check_childspecs([GOOD, {**GOOD, "id": "b"}])
    check_childspecs([{**GOOD, "restart": "transient", "significant": True}])
    assert reason(check_childspecs, [GOOD, GOOD, {}]) == ("duplicate_child_name", "a")
    assert reason(check_childspecs, GOOD) == ("badarg", GOOD)
    assert reason(check_childspecs, [], "sometimes") == ("badarg", "sometimes")
    spec = {**GOOD, "restart": "transient", "significant": True}
    assert reason(check_childspecs, [spec], "never") == ("bad_combination", NEVER)


# --- child --------------------------------------------------------------------------------------------


class Own:
    """Describe itself as a child."""

    @classmethod
    def child_spec(cls, *args: Any, **kwargs: Any) -> Any:
        return ChildSpec(id="own", start=(cls, args, kwargs), restart="transient")


class Careless:
    """Describe itself wrongly."""

    @classmethod
    def child_spec(cls) -> Any:
        return 7


def test_short_forms() -> None:
    spec = ChildSpec(id="a", start=(Worker, (), {}))
    assert child(spec) is spec
    assert child(GOOD).id == "a"
    assert (child(Worker).id, child(Worker).start) == ("Worker", (Worker, (), {}))
    assert child((Worker, (1, 2))).start == (Worker, (1, 2), {})
    assert child((Worker, {"x": 1})).start == (Worker, (), {"x": 1})
    assert child((Worker, [1], {"x": 2})).start == (Worker, (1,), {"x": 2})
    assert (child(Chief).type, child(Chief).shutdown) == ("supervisor", "infinity")
    assert child((Own, (1,), {"x": 2})).start == (Own, (1,), {"x": 2})


def test_overrides() -> None:
    assert child(Worker, id=7, type="supervisor").shutdown == "infinity"
    assert child(Own, restart="temporary").restart == "temporary"
    assert reason(child, Worker, restart="sometimes") == ("invalid_restart_type", "sometimes")
    with pytest.raises(TypeError, match="no field 'retsart'"):
        child(Worker, retsart="temporary")


@pytest.mark.parametrize("given_", [7, "Worker", None, (), (Worker, 7), (7, ()), (Worker, (), {}, 1), len])
def test_what_describes_no_child(given_: Any) -> None:
    assert reason(child, given_) == ("invalid_child_spec", given_)
    assert reason(child, Careless) == ("invalid_child_spec", 7)


# --- Backoff ------------------------------------------------------------------------------------------


def test_backoff_grows_to_its_maximum() -> None:
    backoff = Backoff(initial=1, factor=2, maximum=5, jitter=0)
    assert [backoff.delay(attempt, 0.5) for attempt in (1, 2, 3, 4, 5_000_000)] == [1, 2, 4, 5, 5]


@given(st.integers(0, 2000), st.floats(0, 1), st.floats(0, 1))
def test_jitter_only_shortens(attempt: int, random: float, jitter: float) -> None:
    backoff = Backoff(initial=0.1, factor=3, maximum=7, jitter=jitter)
    full = Backoff(initial=0.1, factor=3, maximum=7, jitter=0).delay(attempt, random)
    assert full * (1 - jitter) - 1e-9 <= backoff.delay(attempt, random) <= full


@pytest.mark.parametrize("wrong", [{"jitter": 1.1}, {"initial": -1}, {"factor": 0.5}, {"maximum": "x"}])
def test_a_wrong_backoff(wrong: dict[str, Any]) -> None:
    assert reason(Backoff, **wrong)[0] == "invalid_backoff"


# --- anything -----------------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just(Worker),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
FIELDS = [
    "id",
    "start",
    "restart",
    "significant",
    "type",
    "shutdown",
    "modules",
    "backoff",
    "own_budget",
    "strategy",
]


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING) | ANYTHING)
def test_checks_raise_nothing_but_spec_errors(given_: Any) -> None:
    for check in (validate_child, validate_flags, check_childspecs):
        try:
            check(given_)
        except SpecError as error:
            assert error.reason  # noqa: PT017


def test_a_mapping_of_any_kind_is_a_specification() -> None:
    class Fields(Mapping[str, Any]):
        def __getitem__(self, key: str) -> Any:
            return GOOD[key]

        def __iter__(self) -> Iterator[str]:
            return iter(GOOD)

        def __len__(self) -> int:
            return len(GOOD)

    assert validate_child(Fields()).id == "a"
