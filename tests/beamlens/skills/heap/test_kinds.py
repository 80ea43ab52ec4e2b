"""Objects by type, in place and in a copy; and which types keep growing."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from beamlens.skills.heap import kinds
from beamlens.skills.heap.kinds import Counted, count_types, find_type
from beamlens.skills.heap.type_history import TypeHistory


class Proud(type):
    def __hash__(cls) -> int:
        raise AssertionError("code of the application ran")


class Counting(metaclass=Proud):
    pass


class Plain:
    pass


NAME = f"{__name__}.Plain"


def test_objects_are_counted_by_type_without_running_code_of_theirs() -> None:
    kept: list[object] = [*(Counting() for _ in range(3000)), *(Plain() for _ in range(4000))]
    counted = count_types()
    assert isinstance(counted, Counted)
    assert counted.types[f"{__name__}.Counting"] == 3000
    assert counted.types[NAME] == 4000
    assert counted.total > 7000
    assert counted.stop_ms > 0
    del kept


def test_a_copy_counts_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [Plain() for _ in range(4321)]
    monkeypatch.setattr(kinds, "SMALL_HEAP", 0)
    counted = count_types()
    assert isinstance(counted, Counted)
    assert counted.where == "in a copy of the process"
    assert counted.types[NAME] == len(kept)
    assert counted.stop_ms < 50


def test_counting_is_refused_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "SMALL_HEAP", 0)
    monkeypatch.setattr(kinds, "free_memory", lambda: 1000)
    assert "MB are free" in str(count_types())


def test_nothing_is_collected_for_it() -> None:
    gc.disable()
    before = [each["collections"] for each in gc.get_stats()]
    count_types()
    after = [each["collections"] for each in gc.get_stats()]
    gc.enable()
    assert after == before


@pytest.mark.parametrize("name", [NAME, f"test_kinds.{Plain.__qualname__}", "dict"])
def test_a_class_is_found_by_its_name(name: str) -> None:
    assert find_type(name) is (dict if name == "dict" else Plain)


@pytest.mark.parametrize("name", ["no.such.Class", "lain", "", "Node"])
def test_what_is_no_name_or_the_name_of_several_finds_none(name: str) -> None:
    several = [type("Node", (), {"__module__": "one"}), type("Node", (), {"__module__": "two"})]
    assert find_type(name) is None
    del several


def _history(counts: Callable[[int], int], work: Callable[[int], int] | None = None, looks: int = 12) -> TypeHistory:
    """Look every 5 seconds; `counts` and `work` are told how often so far."""
    number = [0]
    history = TypeHistory(
        (lambda: work(number[0])) if work is not None else (lambda: None),
        lambda: Counted({"shop.Session": counts(number[0]), "dict": 2 * counts(number[0])}, 10_000, 1.0, 1.0),
    )
    for number[0] in range(looks):
        history._blocks = -1_000_000_000  # so that it is counted each time, whatever this process does
        history.look(1000.0 + 5.0 * number[0])
    return history


@pytest.fixture(autouse=True)
def _at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beamlens.skills.heap.type_history.time.monotonic", lambda: 1060.0)


def _growing(history: TypeHistory) -> list[str]:
    return [row["type"] for row in history.growing(10)]


def test_a_type_that_keeps_growing_is_named_before_built_in_containers() -> None:
    history = _history(lambda number: 1000 + 300 * number)
    row = history.growing(10)[0]
    assert _growing(history) == ["shop.Session"]
    assert row["change"] == 3300
    assert row["per_minute"] == pytest.approx(3600, rel=0.01)
    assert row["per_request"] is None


@pytest.mark.parametrize(
    "counts",
    [
        lambda number: 1000 + 500 * min(number, 4),  # a plateau
        lambda number: 1000 + 300 * (number % 4),  # a sawtooth
        lambda number: 1000 if number < 6 else 5000,  # a step
        lambda number: 100_000 + 30 * number,  # next to nothing
        lambda number: 1000 + 8 * number,  # few
    ],
)
def test_what_is_no_growth_is_not_named(counts: Callable[[int], int]) -> None:
    assert _growing(_history(counts)) == []


def test_growth_is_judged_by_work_too() -> None:
    growing, stopping = lambda number: 1000 + 300 * number, lambda number: 100 * number**2
    per_request = _history(growing, lambda number: 100 * number).growing(1)[0]["per_request"]
    assert per_request == pytest.approx(3.0)
    assert _growing(_history(growing, stopping)) == [], "each request adds less and less"


def test_too_short_a_past_says_nothing() -> None:
    assert _growing(_history(lambda number: 1000 + 300 * number, looks=3)) == []


def test_a_refusal_is_kept_and_tried_again_later() -> None:
    asked = []

    def count() -> str:
        asked.append(1)
        return "too large"

    history = TypeHistory(count=count)
    for second in range(100):
        history.look(float(second + 1))
    assert history.refusal == "too large"
    assert len(asked) == 2


def test_dear_counts_are_earned_first() -> None:
    def count() -> Counted:
        return Counted({}, 1, 10.0, 1000.0)

    history = TypeHistory(count=count)
    for second in range(3600):
        history._blocks = -1_000_000_000
        history.look(float(second + 1))
    assert history.cost_ms / 1e3 <= 1.0 + 3600 * 0.002 + 1.0
    assert history.looks > 5
