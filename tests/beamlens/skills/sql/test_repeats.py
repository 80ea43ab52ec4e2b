"""Statements that are sent again for each row are found; what only looks like it is not."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator

import pytest

from beamlens.errors import SkillError
from beamlens.testing import SkillHarness
from tests.beamlens.skills.sql import shop
from tests.beamlens.skills.sql.asked import asked, judged


@pytest.fixture(name="sql")
def started() -> Iterator[SkillHarness]:
    with asked() as skill:
        yield skill


@pytest.fixture(name="connection")
def connected(sql: SkillHarness) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    shop.fill(connection)
    yield connection
    connection.close()


def test_a_query_for_each_row_is_found_with_its_loop(sql: SkillHarness, connection: sqlite3.Connection) -> None:
    for _ in range(4):
        shop.orders_page(connection)
    judge = judged(sql)
    found = judge.findings()
    assert set(found) == {"n_plus_one"}
    row = sql.call("sql_repeats", 1)[0]
    assert (row["runs"], row["mean_length"]) == (4, 30.0)
    assert row["statement"] == "select name from customers where id = ?"
    assert row["after"] == "select id, customer from orders"
    assert "orders_page" in row["func"]
    assert "orders_page" in judge.texts(found["n_plus_one"])[0]


def test_a_join_is_not(sql: SkillHarness, connection: sqlite3.Connection) -> None:
    for _ in range(20):
        shop.joined_page(connection)
    assert judged(sql).findings() == {}


def test_one_query_for_each_request_is_not(sql: SkillHarness, connection: sqlite3.Connection) -> None:
    for number in range(40):
        thread = threading.Thread(target=shop.one_page, args=(connection, number))
        thread.start()
        thread.join()
    assert sql.call("sql_repeats") == []


def test_one_query_for_each_of_many_requests_on_one_thread_is_not(
    sql: SkillHarness, connection: sqlite3.Connection
) -> None:
    """Requests come through a library's loop: here the thread pool's."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        pool.submit(shop.joined_page, connection).result()
        for future in [pool.submit(shop.one_page, connection, number) for number in range(40)]:
            future.result()
    assert sql.call("sql_repeats") == []


def test_a_bulk_insert_is_one_statement(sql: SkillHarness, connection: sqlite3.Connection) -> None:
    for _ in range(5):
        connection.execute("SELECT 1").fetchall()
        connection.executemany("INSERT INTO customers (name) VALUES (?)", [("a",)] * 100)
    assert sql.call("sql_repeats") == []


def test_a_slow_statement_is_found_without_its_literals(sql: SkillHarness, connection: sqlite3.Connection) -> None:
    for _ in range(6):
        shop.slow_page(connection)
    judge = judged(sql)
    found = judge.findings()
    assert set(found) == {"slow_query"}
    said = json.dumps([judge.texts(found["slow_query"]), sql.snapshot(), sql.call("sql_statements", 50)])
    assert "slow_page" in said
    assert shop.SECRET not in said


def test_questions_to_servers_are_refused_where_none_is_known(sql: SkillHarness) -> None:
    names = [name for name in sql.access.names() if name.startswith("sql_db_")]
    assert len(names) == 9
    for name in names:
        with pytest.raises(SkillError, match="no PostgreSQL server is known"):
            sql.call(name)
        with pytest.raises(SkillError, match=r"limit is 0|argument was given"):
            sql.call(name, 0)
