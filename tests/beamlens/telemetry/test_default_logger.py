from __future__ import annotations

import logging
from typing import Any

import pytest

from beamlens import telemetry
from beamlens.domain import Completion, Notification, Snapshot
from beamlens.telemetry.default_logger import HANDLER_ID, line
from tests.beamlens.telemetry.recording import RUN

THINK = ("beamlens", "operator", "think")
ERROR = ("beamlens", "operator", "llm_error")


def records(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [(record.levelno, record.getMessage()) for record in caplog.records if record.name == "beamlens"]


def think(thought: object) -> str:
    return line(THINK, {}, {"trace_id": "t", "thought": thought})


def test_each_event_is_one_line_at_the_level_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    telemetry.attach_default_logger("info")
    telemetry.emit(THINK, {"system_time": 5}, {"operator": "vm", "thought": "memory grows", **RUN})
    telemetry.emit(("beamlens", "operator", "started"), {"system_time": 6}, {"operator": "vm"})
    assert records(caplog) == [
        (
            20,
            f"[beamlens.operator.think] trace_id={'a' * 32} system_time=5 "
            'operator=vm thought="memory grows" iteration=3',
        ),
        (20, "[beamlens.operator.started] trace_id=- system_time=6 operator=vm"),
    ]


def test_errors_are_logged_as_errors_and_a_higher_level_stays(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for level in ("debug", logging.CRITICAL):
        telemetry.attach_default_logger(level)
        telemetry.emit(ERROR, None, {})
        telemetry.emit(("beamlens", "operator", "notification_failed"), None, {})
        telemetry.detach_default_logger()
    assert [level for level, _ in records(caplog)] == [40, 30, 50, 50]


def test_every_event_is_logged_unless_categories_are_chosen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    telemetry.attach_default_logger()
    for name in telemetry.event_names():
        telemetry.emit(name, None, {})
    assert len(records(caplog)) == len(telemetry.event_names())
    telemetry.detach_default_logger()
    telemetry.attach_default_logger(events=("tool", "llm"))
    assert {handler.event_name[1] for handler in telemetry.list_handlers()} == {"tool", "llm"}


def test_it_is_attached_once_and_detached_once() -> None:
    telemetry.attach_default_logger()
    assert {handler.id for handler in telemetry.list_handlers()} == {HANDLER_ID}
    with pytest.raises(telemetry.AlreadyExistsError):
        telemetry.attach_default_logger()
    telemetry.detach_default_logger()
    with pytest.raises(telemetry.NotFoundError):
        telemetry.detach_default_logger()
    assert telemetry.list_handlers() == []


@pytest.mark.parametrize("level", ["loud", None, True, 1.5])
def test_a_level_that_is_none_is_refused(level: Any) -> None:
    with pytest.raises(ValueError, match="debug, info, warning"):
        telemetry.attach_default_logger(level)
    assert telemetry.list_handlers() == []


@pytest.mark.parametrize("events", ["operators", [], ["llm", "nobody"]])
def test_categories_that_are_none_are_refused(events: Any) -> None:
    with pytest.raises(ValueError, match="'all' or some of llm, tool"):
        telemetry.attach_default_logger(events=events)


@pytest.mark.parametrize(
    "hostile",
    [
        "a\n[beamlens.operator.done] trace_id=forged",
        "a\r\nERROR root: forged",
        "\x1b[31mred\x1b[0m \x07 \x00",
        "line\u2028separator\u2029 \x85 \u202eoverride",
        'quote" trace_id=forged',
        ["nested\nline", {"key\n": "value\x1b"}],
        ValueError("in an\nexception"),
    ],
)
def test_no_value_can_forge_a_line_or_drive_a_terminal(hostile: object) -> None:
    written = think(hostile)
    assert written.isprintable()
    assert len(written.splitlines()) == 1
    assert written.count("trace_id=") == 1 or '"' in written.split("trace_id=")[1]
    assert written.startswith('[beamlens.operator.think] trace_id=t thought="')
    assert written.endswith('"')


def test_large_values_are_cut_without_walking_through_them() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for large in ("x" * 10_000_000, list(range(1_000_000)), {"k": "y" * 1_000_000}, deep):
        assert len(think(large)) < 500


def test_values_are_shown_by_their_ids() -> None:
    found = Notification("vm", "growth", "info", "ctx", "obs", (Snapshot({"a": 1}),), "t")
    assert f"thought={found.id}" in think(found)
    assert "thought=<Completion>" in think(Completion("vm", "done"))


def test_a_value_without_a_repr_does_not_detach_the_logger(caplog: pytest.LogCaptureFixture) -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    caplog.set_level(logging.DEBUG)
    telemetry.attach_default_logger()
    telemetry.emit(THINK, None, {"operator": "vm", "thought": Hostile(), **RUN})
    assert len(telemetry.list_handlers()) == len(telemetry.event_names())
    assert "Hostile" in records(caplog)[0][1]


def test_nothing_is_built_for_a_level_that_is_off(caplog: pytest.LogCaptureFixture) -> None:
    class Counted:
        asked = 0

        def __repr__(self) -> str:
            Counted.asked += 1
            return "counted"

    telemetry.attach_default_logger("debug")
    for level, times in ((logging.WARNING, 0), (logging.DEBUG, 1)):
        caplog.set_level(level, logger="beamlens")
        telemetry.emit(THINK, None, {"operator": "vm", "thought": Counted(), **RUN})
        assert Counted.asked == times
