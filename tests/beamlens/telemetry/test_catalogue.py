from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from beamlens import telemetry
from beamlens.domain import Completion, Notification, Snapshot
from beamlens.telemetry.event import Field, fields
from tests.beamlens.telemetry.recording import RUN
from tests.beamlens.telemetry.seed import LATER, rows

ROOT = Path(__file__).parents[3]
THINK = ("beamlens", "operator", "think")
TIME = {"system_time": 1}


@pytest.mark.parametrize(("name", "measured", "metadata"), rows(), ids=str)
def test_an_event_of_the_first_document_has_all_its_keys(
    name: tuple[str, ...], measured: set[str], metadata: set[str]
) -> None:
    row = telemetry.describe(name)
    assert row.since == "0.3.1"
    assert measured <= {field.name for field in row.measurements if field.required}
    assert metadata <= {field.name for field in row.metadata if field.required}


def test_these_and_the_later_ones_are_all_that_were_declared() -> None:
    assert {row.name for row in telemetry.events() if row.since == "0.3.1"} == {name for name, _, _ in rows()}
    later = [row.name for row in telemetry.events() if row.since == "0.4.0"]
    assert later == [("beamlens", "coordinator", name) for name in LATER]
    assert (len(rows()), len(later)) == (44, 11)


def test_names_are_unique_and_every_event_says_what_it_means() -> None:
    names = telemetry.event_names()
    assert len(names) == len(set(names)) == len(telemetry.events())
    assert all(row.meaning.endswith(".") and "\n" not in row.meaning for row in telemetry.events())


def test_events_follow_the_pattern_of_start_stop_and_exception() -> None:
    for row in telemetry.events():
        measured = {field.name for field in row.measurements}
        metadata = {field.name for field in row.metadata}
        assert len(metadata) == len(row.metadata)
        assert "duration" in measured if row.name[-1] in ("stop", "exception") else "system_time" in measured
        assert row.name[-1] != "exception" or {"kind", "reason", "stacktrace"} <= metadata
        assert row.category != "coordinator" or {"running", "notification_count"} <= metadata


def test_the_page_is_what_the_table_says() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "beamlens.telemetry"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    kept = (ROOT / "docs" / "beamlens-events.md").read_text()
    assert done.stdout == kept, "run: python -m beamlens.telemetry > docs/beamlens-events.md"
    assert all(f"`{'.'.join(row.name[1:])}`" in kept for row in telemetry.events())


def test_an_event_as_declared_has_no_violations() -> None:
    assert telemetry.check(THINK, TIME, {"operator": "vm", "thought": "hm", **RUN}) == []
    assert telemetry.check(THINK, TIME, {"operator": "vm", "thought": "hm", "trace_id": "t"}) == []  # no step


@pytest.mark.parametrize(
    ("measurements", "metadata", "complaint"),
    [
        ({}, {"operator": "vm", "thought": "hm", **RUN}, "measurement system_time: int is missing"),
        ({"system_time": 1.5}, {"operator": "vm", "thought": "hm", **RUN}, "'system_time' is 1.5; int is expected"),
        ({"system_time": True}, {"operator": "vm", "thought": "hm", **RUN}, "'system_time' is True; int is expected"),
        (TIME, {"thought": "hm", **RUN}, "metadata operator: str is missing"),
        (TIME, {"operator": "vm", "thought": None, **RUN}, "'thought' is None; str is expected"),
        (TIME, {"operator": "vm", "thought": "hm", "mood": "good", **RUN}, "'mood' is not declared"),
        (TIME, None, "metadata is None; a dict is expected"),
    ],
)
def test_what_is_not_as_declared_is_named(measurements: object, metadata: object, complaint: str) -> None:
    [found] = telemetry.check(THINK, measurements, metadata)
    assert found.startswith("beamlens.operator.think: ")
    assert complaint in found


def test_domain_values_are_told_from_their_plain_form() -> None:
    name = ("beamlens", "operator", "notification_sent")
    found = Notification("vm", "growth", "info", "ctx", "obs", (Snapshot({"a": 1}),), "t")
    assert telemetry.check(name, TIME, {"operator": "vm", "notification": found, **RUN}) == []
    assert telemetry.check(name, TIME, {"operator": "vm", "notification": found.to_dict(), **RUN}) != []
    assert telemetry.check(name, TIME, {"operator": "vm", "notification": Completion("vm", "done"), **RUN}) != []


def test_an_event_that_is_none_is_answered_with_the_nearest() -> None:
    [complaint] = telemetry.check(("beamlens", "operator", "thinks"), TIME, {})
    assert "beamlens.operator.think" in complaint
    with pytest.raises(LookupError, match=r"the nearest is beamlens\.tool\.stop"):
        telemetry.describe(("beamlens", "tool", "stopp"))
    with pytest.raises(LookupError, match="event_names"):
        telemetry.describe(("qqq",))


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("str", "", 1),
        ("int", 3, True),
        ("float", 3, "3"),
        ("bool", False, 0),
        ("dict", {}, []),
        ("list", (1, "a"), {}),
        ("list[str]", ("a",), ["a", 1]),
        ("list[dict]", [{}], [{}, None]),
        ("str | None", None, 0),
        ("Completion | str", Completion("vm", "done"), {"operator": "vm"}),
    ],
)
def test_a_type_accepts_what_it_says(kind: str, good: object, bad: object) -> None:
    field = Field("key", kind)
    assert field.fits(good)
    assert not field.fits(bad)


def test_a_class_of_the_same_name_elsewhere_is_another() -> None:
    stranger = type("Completion", (), {"__module__": "beamlens_of_somebody_else"})()
    assert not Field("key", "Completion").fits(stranger)


def test_a_field_that_cannot_be_read_is_refused() -> None:
    assert fields("a: str", "b?: int") == (Field("a", "str"), Field("b", "int", required=False))
    with pytest.raises(ValueError, match="'name: type'"):
        fields("a")
    for kind in ("strr", "list[strr]", "str | strr", ""):
        with pytest.raises(ValueError, match=r"is no type of a field|is no field"):
            fields(f"a: {kind}")
