"""What actors log reaches the application's `logging`, with its origin, bounded, and blocks nobody."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from supervision.process import router
from supervision.process.child_telemetry import _Forwarder
from supervision.reporter import Reporter, reporter
from supervision.testing import wait_until
from tests.actors.conftest import Starter
from tests.actors.helpers import SECONDS

CHILD = "tests.actors.child"
MANY = 50_000


class Keeper(logging.Handler):
    """Keep records; wait at a gate before each, if there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.gate: threading.Event | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.gate is not None:
            self.gate.wait(30)
        self.records.append(record)

    def of(self, name: str) -> list[logging.LogRecord]:
        return [record for record in self.records if record.name == name]


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    found = Keeper()
    root = logging.getLogger()
    level = root.level
    root.addHandler(found)
    root.setLevel(logging.INFO)
    yield found
    if found.gate is not None:
        found.gate.set()
    root.removeHandler(found)
    root.setLevel(level)
    assert reporter.flush(20)


def first(keeper: Keeper, name: str = CHILD) -> logging.LogRecord:
    return wait_until(lambda: keeper.of(name))[0]


def test_a_record_comes_with_its_origin(keeper: Keeper, subject: Any) -> None:
    begun = time.time()
    subject.ask(("log", logging.WARNING, "number %d", 1), timeout=SECONDS)
    record = first(keeper)
    assert record.name == CHILD
    assert record.levelno == logging.WARNING
    assert record.levelname == "WARNING"
    assert record.getMessage() == "number 0"
    assert record.process == subject.pid
    assert str(subject.pid) in str(record.processName)
    assert record.threadName == "MainThread"
    assert record.pathname.endswith("telling.py")
    assert record.funcName == "do_log"
    assert record.lineno > 1
    assert begun - 1 <= record.created <= time.time()


def test_a_traceback_comes_as_text(keeper: Keeper, subject: Any) -> None:
    subject.ask(("log_error",), timeout=SECONDS)
    record = first(keeper)
    assert record.levelno == logging.ERROR
    assert "LookupError: inner trouble" in str(record.exc_text)
    assert "do_log_error" in logging.Formatter().format(record)


def test_levels_are_those_of_the_application(keeper: Keeper, subject: Any) -> None:
    subject.ask(("log", logging.DEBUG, "too fine %d", 1), timeout=SECONDS)
    subject.ask(("log", logging.INFO, "fine %d", 1), timeout=SECONDS)
    assert first(keeper).getMessage() == "fine 0"
    logging.getLogger(CHILD).setLevel(logging.ERROR)
    try:
        subject.ask(("log", logging.WARNING, "refused here %d", 1), timeout=SECONDS)
        subject.ask(("log", logging.ERROR, "kept %d", 1), timeout=SECONDS)
        wait_until(lambda: len(keeper.of(CHILD)) > 1)
    finally:
        logging.getLogger(CHILD).setLevel(logging.NOTSET)
    assert [record.getMessage() for record in keeper.of(CHILD)] == ["fine 0", "kept 0"]


@pytest.mark.parametrize("text", ["plain", "with % signs %s %d", "ü \U0001f40d", "x" * 100_000, "line\nline", "\ud800"])
def test_any_text_can_be_logged(keeper: Keeper, subject: Any, text: str) -> None:
    sendable = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    subject.ask(("log_plain", CHILD, logging.ERROR, sendable), timeout=SECONDS)
    said = first(keeper).getMessage()
    assert said == sendable[: len(said)]
    assert len(said) >= min(len(sendable), 8192)


def test_what_cannot_be_sent_is_logged_nonetheless(keeper: Keeper, subject: Any) -> None:
    subject.ask(("log_lone_surrogate",), timeout=SECONDS)
    assert "odd" in first(keeper).getMessage()


def told_in_full(keeper: Keeper, subject: Any, message: tuple[Any, ...], name: str, count: int) -> list[str]:
    """Return what a burst logged; tried again where this machine did not run the application for a moment."""
    for _ in range(5):
        assert reporter.flush(20)
        keeper.records.clear()
        subject.ask(message, timeout=30)
        wait_until(lambda: len(keeper.of(name)) >= count or dropped(keeper), 20)
        if not dropped(keeper):
            break
    assert not dropped(keeper)
    return [record.getMessage() for record in keeper.of(name)]


def test_records_come_in_order_and_all_of_a_burst(keeper: Keeper, subject: Any) -> None:
    found = told_in_full(keeper, subject, ("log", logging.INFO, "%d", 5000), CHILD, 5000)
    assert found == [str(number) for number in range(5000)]


def test_records_of_several_threads_all_come(keeper: Keeper, subject: Any) -> None:
    found = told_in_full(keeper, subject, ("log_from_threads", 4, 500), "tests.actors.threads", 2000)
    assert sorted(found) == sorted(f"{number} {turn}" for number in range(4) for turn in range(500))


def dropped(keeper: Keeper) -> list[str]:
    return [record.getMessage() for record in keeper.records if "dropped" in record.getMessage()]


def test_a_stuck_handler_blocks_neither_side(keeper: Keeper, subject: Any, start: Starter) -> None:
    other, before = start(), reporter.dropped
    keeper.gate = threading.Event()
    seconds = subject.ask(("log", logging.INFO, "line %d", MANY), timeout=30)
    assert seconds < 8
    assert [other.ask(("echo", number), timeout=SECONDS) for number in range(100)] == list(range(100))
    assert subject.ask(("echo", 1), timeout=SECONDS) == 1
    assert len(reporter._calls) <= reporter._bound

    def overflown() -> bool:  # on a slow machine most may be lost in the child already
        return reporter.dropped > before or not subject.ask(("log", logging.INFO, "line %d", 1000), timeout=30)

    wait_until(overflown, 40)
    keeper.gate.set()

    def caught_up() -> bool:
        subject.ask(("log", logging.INFO, "after %d", 1), timeout=SECONDS)  # whereupon its own losses are told
        return any(record.getMessage() == "after 0" for record in keeper.of(CHILD))

    wait_until(caught_up, 20, interval=0.05)
    assert reporter.flush(20)
    came, lost = len(keeper.of(CHILD)), sum(int(text.split()[0]) for text in dropped(keeper))
    assert came + lost >= MANY
    assert lost > 0  # the bound of what waits was reached, and that was told


def test_if_records_were_handled_on_the_loop_a_stuck_handler_would_stop_everything(
    keeper: Keeper, subject: Any, start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    other = start()
    keeper.gate = threading.Event()

    class Direct:
        def put_for_child(self, call: Callable[[], None]) -> None:
            call()

    monkeypatch.setattr(router, "reporter", Direct())
    subject.tell(("log", logging.INFO, "line %d", 1))
    answer = other.ask(("ask", subject, ("echo", 1)), block=False)
    assert not answer.wait(0.1)
    keeper.gate.set()
    assert answer.get(timeout=SECONDS) == 1


def test_what_a_reporter_drops_is_bounded_and_told(keeper: Keeper) -> None:
    small = Reporter(bound=10)
    gate = threading.Event()
    small.put(partial(_wait_at, gate))
    wait_until(lambda: small._busy)
    for number in range(100):
        small.put(partial(logging.getLogger(CHILD).info, "%d", number))
    assert len(small._calls) <= 10
    gate.set()
    assert small.flush(20)
    small.stop()
    wait_until(lambda: dropped(keeper))
    assert [record.getMessage() for record in keeper.of(CHILD)][-1] == "99"
    assert dropped(keeper)[0].startswith("90 ")


def _wait_at(gate: threading.Event) -> None:
    gate.wait(20)


class FakeLink:
    """Take records, or not."""

    def __init__(self) -> None:
        self.open = False
        self.sent: list[Any] = []

    def offer(self, content: list[object], patience: float = 0.0) -> bool:
        if self.open:
            self.sent.append(content[1])
        return self.open

    def send(self, content: list[object]) -> None:
        self.sent.append(content[1])


def test_what_a_child_drops_is_counted_and_told_as_soon_as_there_is_room() -> None:
    link: Any = FakeLink()
    forwarder = _Forwarder(link)
    record = logging.LogRecord("name", logging.INFO, "path", 1, "text", (), None)
    for _ in range(7):
        forwarder.emit(record)
    link.open = True
    forwarder.emit(record)
    forwarder.emit(record)
    messages = [fields["message"] for fields in link.sent]
    assert len(messages) == 3
    assert messages[0].startswith("7 log records of this process were dropped")
    assert messages[1:] == ["text", "text"]


def test_what_a_child_dropped_last_is_told_at_its_end() -> None:
    link: Any = FakeLink()
    forwarder = _Forwarder(link)
    forwarder.emit(logging.LogRecord("name", logging.INFO, "path", 1, "text", (), None))
    forwarder.tell_dropped(link)
    assert next(fields["message"] for fields in link.sent).startswith("1 log records")


def test_records_of_the_last_moment_arrive(keeper: Keeper, subject: Any) -> None:
    subject.tell(("log", logging.ERROR, "last words %d", 1))
    subject.stop()
    assert first(keeper).getMessage() == "last words 0"
