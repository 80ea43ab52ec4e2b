"""The skill beside real programs that log, and what it leaves of the application's logging."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from beamlens.errors import SkillError
from beamlens.redact import Redactor
from beamlens.skills.logger import Logger
from beamlens.skills.logger_checks import CHECKS
from beamlens.skills.records.entry import Entry, entry_of, level_name, pattern_of
from beamlens.skills.records.store import RecordStore
from beamlens.testing import SkillHarness
from supervision.testing import wait_until
from tests.beamlens.skills.judged import Judge, Served
from tests.beamlens.skills.sound import assert_sound

_LOGGER = "beamlens.skills.logger:Logger"
_PROGRAMS = "tests.beamlens.skills.logger.programs"
_FILE = "tests/beamlens/skills/logger/programs.py"
_EXAMPLES: dict[str, list[list[Any]]] = {
    "logger_search": [["time*out"], ["x", 3]],
    "logger_by_module": [["uvicorn"]],
    "logger_groups": [[], [5, "warning"]],
    "logger_recent": [[], [5, "error"]],
}


@pytest.fixture
def skill() -> Iterator[Logger]:
    found = Logger()
    found.start()
    yield found
    found.stop()


@pytest.fixture
def shop() -> Iterator[logging.Logger]:
    logger = logging.getLogger("tests.shop")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    handler = logging.StreamHandler(io.StringIO())
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def _judge(program: Served) -> Judge:
    return Judge(CHECKS, program.call, ("logger_errors", "logger_groups"))


def test_it_is_sound() -> None:
    assert_sound(Logger, _EXAMPLES)


def test_records_are_told_newest_first_with_where_they_come_from(skill: Logger, shop: logging.Logger) -> None:
    shop.info("first %d", 1)
    shop.warning("second")
    records = skill.recent()["records"]
    assert [record["message"] for record in records] == ["second", "first 1"]
    assert records[0]["at"].startswith("tests/beamlens/skills/logger/test_logger.py:")
    assert records[0]["func"] == "test_records_are_told_newest_first_with_where_they_come_from"
    assert [record["message"] for record in skill.recent(5, "warning")["records"]] == ["second"]
    assert [record["level"] for record in skill.search("F*ST")["records"]] == ["info"]
    assert skill.search("st*f")["records"] == []
    assert len(skill.by_module("TESTS.shop")["records"]) == 2
    assert skill.by_module("nobody")["records"] == []


def test_own_records_are_left_out(skill: Logger) -> None:
    logging.getLogger("beamlens.probe").error("ours")
    logging.getLogger("supervision").error("ours")
    assert skill.errors()["records"] == []


def test_it_changes_nothing_in_how_a_program_logs() -> None:
    code = """
import logging, sys, beamlens.skills.logger as module
skill = module.Logger()
before = logging.Logger.callHandlers
skill.start()
logging.warning("printed once") if sys.argv[1] == "basic" else logging.getLogger("a").warning("last resort")
logging.basicConfig(format="configured %(message)s")
assert len(logging.root.handlers) == 1, logging.root.handlers
logging.getLogger("a").warning("seen")
skill.stop()
assert logging.Logger.callHandlers is before
print(len(skill.recent()["records"]), [name for name in ("asyncio", "lupa", "psutil") if name in sys.modules])
"""
    for how, expected in (("basic", "WARNING:root:printed once"), ("other", "last resort")):
        done = subprocess.run([sys.executable, "-c", code, how], capture_output=True, text=True, timeout=60, check=True)
        assert done.stderr.splitlines()[0] == expected
        assert done.stdout.strip() == "2 []"
        assert "seen" in done.stderr


def test_a_wrapper_that_came_later_stays_when_the_skill_stops(shop: logging.Logger) -> None:
    original, skill = logging.Logger.callHandlers, Logger()
    skill.start()
    below, seen = logging.Logger.callHandlers, []

    def theirs(logger: logging.Logger, record: logging.LogRecord) -> None:
        seen.append(record)
        below(logger, record)

    logging.Logger.callHandlers = theirs  # type: ignore[assignment, method-assign]
    try:
        skill.stop()
        assert logging.Logger.callHandlers is theirs
        shop.error("after the stop")
        assert len(seen) == 1
        assert skill.recent()["records"] == []
    finally:
        logging.Logger.callHandlers = original  # type: ignore[method-assign]


def test_a_record_of_a_strange_make_breaks_nothing(skill: Logger, shop: logging.Logger) -> None:
    class Rude:
        def __str__(self) -> str:
            return "made by the handler"

    shop.error(Rude())
    shop.handle(
        logging.makeLogRecord(
            {
                "name": "tests.shop",
                "msg": "odd",
                "args": None,
                "levelno": 40,
                "levelname": "ERROR",
                "pathname": "",
                "lineno": 0,
                "message": 5,
            }
        )
    )
    assert "made by the handler" in {record["message"] for record in skill.recent()["records"]}
    assert skill.snapshot()["collector"]["last_error"] is None


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("logger_recent", (0,)), ("logger_recent", ("x",)), ("logger_recent", (5, "loud")), ("logger_recent", (5, 5)),
        ("logger_groups", (-1,)), ("logger_groups", (5, None)), ("logger_errors", (True,)), ("logger_errors", (1.5,)),
        ("logger_search", ("",)), ("logger_search", (5,)), ("logger_search", ("x" * 201,)), ("logger_search", ("x", 0)),
        ("logger_by_module", ("",)), ("logger_by_module", (None,)), ("logger_loggers", (0,)),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused_with_what_is_expected(name: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(SkillError, match=f"{name}: .* expected"):
        Logger().callbacks()[name](*arguments)


def test_a_pattern_cannot_keep_the_application_busy(skill: Logger, shop: logging.Logger) -> None:
    for _ in range(200):
        shop.info("a" * 480)
    began = time.thread_time()
    assert skill.search("*a" * 90 + "*b")["records"] == []
    assert time.thread_time() - began < 0.5


def test_secrets_in_messages_are_taken_out_before_they_leave(shop: logging.Logger) -> None:
    secrets = [
        "hunter2secret",
        "sk-ant-api03-abcdefghijklmnopqrstuv",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.e30.abc",
    ]
    with SkillHarness(Logger, redact=Redactor().redact) as harness:
        shop.error("connecting to postgres://shop:%s@db/shop", secrets[0])
        shop.error("token=%s", secrets[1])
        shop.error("key %s used", secrets[2])
        shop.error("Authorization: Bearer %s", secrets[3])
        said = [harness.call(name) for name in ("logger_recent", "logger_errors", "logger_groups")]
        assert len(said[0]["records"]) == 4
        assert [secret for secret in secrets if secret in json.dumps([*said, harness.snapshot()])] == []


# -- programs -----------------------------------------------------------------------------------------


def test_an_exception_that_is_logged_again_and_again_is_named_by_its_line_and_type() -> None:
    with Served(_LOGGER, f"{_PROGRAMS}:failing") as program:
        observation, context, *_, key, exception = _judge(program).wait_for("repeated_exception")
        assert observation.startswith("place at ")
        assert key.startswith(f"{_FILE}:")
        assert exception == "ConnectionError"
        assert "shop.orders" in context
        group = program.call("logger_groups", 1)["groups"][0]
        assert group["pattern"] == "order # of customer # failed"
        assert "hunter2" not in json.dumps([program.call("logger_recent", 50), program.call("snapshot")])


def test_errors_of_a_logger_that_does_not_propagate_are_named() -> None:
    with Served(_LOGGER, f"{_PROGRAMS}:refused") as program:
        observation, context, *_ = _judge(program).wait_for("repeated_error")
        assert "refused at" in observation
        assert "Invalid HTTP request received." in context


def test_a_real_asgi_server_s_errors_and_accesses_are_heard() -> None:
    with Served(_LOGGER, f"{_PROGRAMS}:serve_with_uvicorn") as program:
        observation, context, *_, exception = _judge(program).wait_for("repeated_exception", timeout=60)
        assert "LookupError" in observation
        assert exception == "LookupError"
        assert "uvicorn.error" in context
        assert program.call("logger_by_module", "uvicorn.access", 1)["records"][0]["level"] == "info"
        assert "hunter2" not in json.dumps(program.call("logger_groups", 50))


def test_a_storm_of_warnings_is_named() -> None:
    with Served(_LOGGER, f"{_PROGRAMS}:warning_storm") as program:
        assert _judge(program).wait_for("warning_storm")[0].startswith("warning_storm at ")


def test_logging_that_takes_the_threads_time_is_named() -> None:
    with Served(_LOGGER, f"{_PROGRAMS}:chatty") as program:
        assert f"{_FILE}:" in _judge(program).wait_for("logging_takes_too_long")[1]


def test_a_slow_handler_is_named_and_not_taken_for_a_storm() -> None:
    with Served(_LOGGER, f"{_PROGRAMS}:slow_disk") as program:
        judge = _judge(program)
        assert "slow_disk" in judge.wait_for("slow_log_handler")[1]
        assert set(judge.findings()) == {"slow_log_handler"}


def test_a_busy_server_with_an_error_now_and_then_is_no_finding() -> None:
    with Served(_LOGGER, f"{_PROGRAMS}:busy_and_well") as program:
        judge = _judge(program)
        assert judge.alarms(16, 0.5) == []
        data = judge.look()
        assert data["last_minute"]["per_second"] > 100
        assert data["collector"]["errors"] == 0, data["collector"]["last_error"]
        assert data["collector"]["core_percent"] < 1.0
        names = [row["name"] for row in program.call("logger_loggers", 50)["loggers"] if not row["propagates"]]
        assert "uvicorn.access" in names


def test_loguru_is_heard_and_left_as_it_was() -> None:
    code = """
import io, sys
from loguru import logger
logger.remove()
out = io.StringIO()
logger.add(out, level="INFO")
from beamlens.skills.logger import Logger
skill = Logger()
skill._loguru.look()
skill.start()
secret = "hunter2hunter2"
logger.info("placed {}", 5)
logger.debug("not written by anybody")
try:
    {}[secret]
except KeyError:
    logger.exception("failed")
records = skill.recent()["records"]
found = [(r["level"], r["message"], r["exception"]) for r in records]
assert found == [("error", "failed", "KeyError"), ("info", "placed 5", None)], records
assert logger._core.min_level == 20
logger.remove(); logger.add(out, level="WARNING")
skill._loguru.look()
logger.warning("again")
assert skill.recent(1)["records"][0]["message"] == "again"
skill.stop()
assert len(logger._core.handlers) == 1
print("well")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "well", done.stderr


def test_structlog_is_heard_once_whatever_it_writes_to() -> None:
    code = """
import io, logging, sys, structlog
from beamlens.skills.logger import Logger
before = structlog._base.BoundLoggerBase._proxy_to_logger
skill = Logger()
skill._structlog.look()
skill.start()
structlog.configure(logger_factory=structlog.PrintLoggerFactory(io.StringIO()))
structlog.get_logger().error("refused", token="hunter2hunter2")
logging.root.addHandler(logging.StreamHandler(io.StringIO()))
structlog.configure(logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger)
structlog.get_logger("shop").warning("low")
records = skill.recent()["records"]
assert [r["level"] for r in records] == ["warning", "error"], records
assert records[1]["message"] == "refused" and records[1]["logger"] == "__main__", records
assert "hunter2" not in str(records[1])
skill.stop()
assert structlog._base.BoundLoggerBase._proxy_to_logger is before
print("well")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "well", done.stderr


# -- parts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("order 17 took 1.5 s", "order # took # s"),
        ("user a@b.example failed", "user # failed"),
        ("key 'k1' is missing", "key # is missing"),
        ("id 123e4567-e89b-12d3-a456-426614174000 gone", "id # gone"),
        ("at 0x7f0a, hash deadbeef00112233", "at #, hash #"),
        ("first\nsecond", "first"),
        ("", ""),
    ],
)
def test_patterns_leave_out_what_varies(text: str, pattern: str) -> None:
    assert pattern_of(text) == pattern


def test_arguments_that_are_objects_are_not_turned_into_text_by_us() -> None:
    class Rude:
        def __str__(self) -> str:
            raise AssertionError("application code ran")

    record = logging.LogRecord("a", 20, __file__, 1, "seen %s", (Rude(),), None)
    assert entry_of(record, 0.0).text == "seen %s"
    assert entry_of(logging.LogRecord("a", 20, __file__, 1, "seen %s", (5,), None), 0.0).text == "seen 5"
    assert entry_of(logging.LogRecord("a", 20, __file__, 1, Rude(), None, None), 0.0).text == "<Rude>"


def test_levels_have_the_name_of_what_they_reach() -> None:
    assert [level_name(level) for level in (0, 5, 10, 20, 25, 30, 39, 40, 50, 99)] == [
        "debug", "debug", "debug", "info", "info", "warning", "warning", "error", "critical", "critical"
    ]  # fmt: skip


def _entry(at: float, line: int = 1, level: int = 40) -> Entry:
    return Entry(at, level, "shop", "/app/shop.py", line, "place", "failed 5", None, 0.001)


def test_what_is_older_than_a_minute_does_not_count() -> None:
    now = [1000.0]
    store = RecordStore(clock=lambda: now[0])
    for _ in range(30):
        store.hear(_entry(now[0]))
    store.digest()
    assert store.groups(0)[0]["last_minute"] == 30
    now[0] += 61
    store.digest()
    assert (store.groups(0)[0]["last_minute"], store.groups(0)[0]["count"]) == (0, 30)
    assert store.groups(0, active=True) == []
    assert store.window()["records"] == 0


def test_nothing_grows_without_bound() -> None:
    store = RecordStore()
    for line in range(30_000):
        store.hear(_entry(1.0, line))
    store.digest()
    assert len(store.sites) == 500
    assert len(store.ring) == 1000
    assert store.dropped_rounds == 1


def test_hearing_from_many_threads_loses_nothing(skill: Logger, shop: logging.Logger) -> None:
    def work() -> None:
        for _ in range(200):
            shop.info("x")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wait_until(lambda: skill.stats()["by_level"]["info"] == 1600)
