"""The skill `sql` with real SQLite: connections are timed, and the application sees no difference."""

from __future__ import annotations

import json
import sqlite3
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamlens.skills.sql import Sql
from beamlens.skills.statements.fingerprint import fingerprint
from beamlens.testing import SkillHarness
from supervision.testing import wait_until
from tests.beamlens.skills.judged import Judge

SECRET = "correct-horse-battery-staple"
COUNTING = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < ?) SELECT COUNT(*) FROM x"


@pytest.fixture
def harness() -> Iterator[SkillHarness]:
    with SkillHarness("sql") as harness:
        yield harness


@pytest.fixture
def connection(harness: SkillHarness) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE users (name TEXT, age INTEGER)")
    yield connection
    connection.close()


def _count_for(connection: sqlite3.Connection, seconds: float) -> int:
    """Return a number to count to that takes about so long here."""
    import time

    began = time.perf_counter()
    connection.execute(COUNTING, (200_000,)).fetchall()
    return round(200_000 * seconds / (time.perf_counter() - began))


def _statements(harness: SkillHarness) -> dict[str, dict[str, Any]]:
    return {row["statement"]: row for row in harness.call("sql_statements", 50)}


def test_statements_are_told_apart_without_their_values(harness: SkillHarness, connection: sqlite3.Connection) -> None:
    for age in range(5):
        connection.execute(f"SELECT * FROM users WHERE age = {age} AND name = '{SECRET}'").fetchall()
    connection.executemany("INSERT INTO users VALUES (?, ?)", [("a", 1), ("b", 2)])
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("SELECT * FROM nothing")
    found = _statements(harness)
    assert found["select * from users where age = ? and name = ?"]["count"] == 5
    assert found["insert into users values (?...)"]["count"] == 1
    assert found["select * from nothing"]["errors"] == 1
    stats = harness.call("sql_stats")
    assert (stats["statements"], stats["errors"], stats["connections"]) == (8, 1, 1)
    assert SECRET not in json.dumps([harness.snapshot(), found])


def test_a_slow_statement_is_found_with_the_line_that_sends_it(
    harness: SkillHarness, connection: sqlite3.Connection
) -> None:
    skill = Sql()

    def call(name: str, *arguments: Any) -> Any:
        return harness.snapshot() if name == "snapshot" else harness.call(name, *arguments)

    judge = Judge(skill.checks(), call, list(skill.callbacks()))
    for _ in range(50):
        connection.execute("SELECT * FROM users").fetchall()
    judge.look()
    assert judge.findings() == {}  # negative control: many quick ones
    most = _count_for(connection, 0.2)
    for _ in range(6):
        connection.execute(COUNTING, (most,)).fetchall()
    judge.look()
    found = judge.findings()
    assert list(found) == ["slow_query"]
    texts = judge.texts(found["slow_query"])
    assert "test_a_slow_statement_is_found" in texts[0]
    assert "with recursive x(n)" in texts[0]


def test_rows_that_take_long_to_fetch_belong_to_their_statement(
    harness: SkillHarness, connection: sqlite3.Connection
) -> None:
    most = _count_for(connection, 0.3)
    lazy = (
        "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < ?) SELECT n FROM x WHERE n % 9999 = 0"
    )
    connection.execute(lazy, (most,)).fetchall()
    row = _statements(harness)[fingerprint(lazy)]
    assert row["count"] == row["recent"] == 1
    assert row["mean_ms"] > 30


def test_what_runs_now_is_seen_and_waits_of_untimed_connections_too() -> None:
    untimed = sqlite3.connect(":memory:", check_same_thread=False)  # before the skill began
    with SkillHarness("sql") as harness:
        timed = sqlite3.connect(":memory:", check_same_thread=False)
        most = _count_for(timed, 1.5)
        threads = [threading.Thread(target=_ask, args=(each, most)) for each in (timed, untimed)]
        for thread in threads:
            thread.start()
        assert wait_until(lambda: harness.call("sql_running", 5), timeout=20)[0]["statement"] == fingerprint(COUNTING)
        # Not the first row: where a machine is slow, measuring how fast it counts is seen as well.
        wait_until(lambda: "_ask" in [row["func"] for row in harness.call("sql_waits", 5)], timeout=20)
        for thread in threads:
            thread.join()
        assert harness.call("sql_running", 5) == []
        timed.close()
    untimed.close()


def _ask(connection: sqlite3.Connection, most: int) -> None:
    connection.execute(COUNTING, (most,)).fetchall()


class _Own(sqlite3.Connection):
    """A connection of the application's own."""

    def shout(self) -> str:
        return "here"


class _OwnCursor(sqlite3.Cursor):
    pass


def test_connections_are_what_the_application_asked_for(harness: SkillHarness) -> None:
    own = sqlite3.connect(":memory:", factory=_Own)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of arguments by place, from Python 3.13 on
        by_place = sqlite3.connect(":memory:", 5.0, 0, None, True, _Own)
    assert by_place.isolation_level is None
    for connection in (own, by_place):
        assert isinstance(connection, _Own)
        assert connection.shout() == "here"
        assert type(connection).__qualname__ == "_Own"
        connection.row_factory = sqlite3.Row
        row = connection.execute("SELECT 1 AS one").fetchone()
        assert row["one"] == 1
        cursor = connection.cursor(_OwnCursor)
        assert isinstance(cursor, _OwnCursor)
        assert cursor.execute("SELECT 2").fetchmany(5)[0][0] == 2
        assert [each[0] for each in cursor.execute("SELECT 3 UNION SELECT 4")] == [3, 4]
        connection.close()
    assert harness.call("sql_stats")["statements"] == 6


def test_a_connection_class_with_ways_of_its_own_keeps_them(harness: SkillHarness) -> None:
    class Loud(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> Any:
            return super().execute(sql.replace("loud", "1"), *args)

    connection = sqlite3.connect(":memory:", factory=Loud)
    assert connection.execute("SELECT loud").fetchone()[0] == 1
    connection.close()


def test_a_factory_that_is_no_class_is_left_alone(harness: SkillHarness) -> None:
    made: list[Any] = []

    def factory(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        made.append(args)
        return sqlite3.Connection(*args, **kwargs)

    connection = sqlite3.connect(":memory:", factory=factory)  # type: ignore[call-overload]
    assert type(connection) is sqlite3.Connection
    assert made
    connection.close()


def test_errors_of_wrong_arguments_are_sqlites_own(harness: SkillHarness, connection: sqlite3.Connection) -> None:
    with pytest.raises(TypeError):
        connection.execute(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        sqlite3.connect()  # type: ignore[call-overload]
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT ?", ())


def test_everything_is_put_back_and_timed_connections_go_on_unnoted() -> None:
    before = sqlite3.connect, sqlite3.dbapi2.connect
    with SkillHarness("sql") as harness:
        assert sqlite3.connect is not before[0]
        connection = sqlite3.connect(":memory:")
        skill = harness.access.skill
    assert (sqlite3.connect, sqlite3.dbapi2.connect) == before
    assert connection.execute("SELECT 1").fetchone() == (1,)
    connection.close()
    assert isinstance(skill, Sql)
    assert skill.stats()["statements"] == 0
    untimed = sqlite3.connect(":memory:")
    assert type(untimed) is sqlite3.Connection
    untimed.close()


# -- fingerprints -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        (
            "SELECT * FROM t WHERE a='se''cret' AND b IN (1, 2,3) -- x\n AND c = ?",
            "select * from t where a=? and b in (?...) and c = ?",
        ),
        ("INSERT INTO \"Users\" VALUES (1,'a'),(2,'b');", "insert into users values (?...)"),
        ("select $$hu$$, 0x1F, col2 from t3", "select ?, ?, col2 from t3"),
        ("SELECT 'unfinished", "select ?"),
        ("SELECT /* 'x' */ `a` FROM [b c] WHERE d = %(name)s AND e = :e", "select a from ? where d = ? and e = ?"),
        ("  select\n\t1.5e-3  ", "select ?"),
    ],
)  # fmt: skip
def test_fingerprints(sql: str, wanted: str) -> None:
    assert fingerprint(sql) == wanted


@given(st.text(alphabet=st.characters(exclude_characters="\x00"), max_size=50).map(lambda text: f"S3CRET{text}9"))
def test_no_literal_is_in_a_fingerprint(literal: str) -> None:
    quoted = literal.replace("'", "''")
    sql = f"SELECT a FROM t WHERE b = '{quoted}' AND c = 42"
    assert fingerprint(sql) == "select a from t where b = ? and c = ?"


@given(st.text(max_size=300))
def test_any_text_has_a_fingerprint(sql: str) -> None:
    assert len(fingerprint(sql)) <= 300
