"""SQLAlchemy's engines and pools: waits, holders, open transactions and repeats, on real SQLite files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from beamlens.skills.sql import Sql
from beamlens.testing import SkillHarness
from supervision.testing import wait_until
from tests.beamlens.skills.sql import shop
from tests.beamlens.skills.sql.asked import asked, judged


@pytest.fixture(name="engine")
def made(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(
        f"sqlite:///{tmp_path}/shop.db", poolclass=QueuePool, pool_size=2, max_overflow=0, pool_timeout=0.3
    )
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (number INTEGER)"))
    yield engine
    engine.dispose()


@pytest.fixture(name="sql")
def harness(engine: Engine) -> Iterator[SkillHarness]:
    with asked() as skill:
        yield skill


def test_a_pool_without_connections_names_who_holds_them(sql: SkillHarness, engine: Engine) -> None:
    kept = shop.keep_connections(engine, 2)
    with pytest.raises(PoolTimeout):
        engine.connect()
    judge = judged(sql)
    found = judge.findings()
    assert set(found) == {"pool_timeouts"}
    pool = sql.call("sql_pools")[0]
    assert (pool["capacity"], pool["checked_out"], pool["timeouts"]) == (2, 2, 1)
    holder = pool["holders"][0]
    assert "keep_connections" in holder["func"]
    assert holder["count"] == 2
    assert "keep_connections" in " ".join(judge.texts(found["pool_timeouts"]))
    for connection in kept:
        connection.close()
    assert sql.call("sql_pools")[0]["checked_out"] == 0


def test_who_waits_is_seen_while_it_lasts(sql: SkillHarness, engine: Engine) -> None:
    kept = shop.keep_connections(engine, 2)
    waiting = threading.Thread(target=lambda: engine.connect().close())
    waiting.start()
    wait_until(lambda: sql.call("sql_pools")[0]["waiting"] == 1)
    kept.pop().close()
    waiting.join()
    kept.pop().close()
    row = sql.call("sql_pools")[0]
    assert (row["waiting"], row["waits_last_minute"], row["timeouts"]) == (0, 1, 0)


def test_a_busy_pool_is_not_reported(sql: SkillHarness, engine: Engine) -> None:
    for _ in range(200):
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO notes VALUES (2)"))
    assert judged(sql).findings() == {}
    assert sql.snapshot()["open_transactions"] == 0


def test_a_transaction_left_open_is_named(sql: SkillHarness, engine: Engine) -> None:
    connection = engine.connect()
    shop.forget_transaction(connection)
    row = sql.call("sql_transactions", 1)[0]
    assert "forget_transaction" in row["func"]
    wait_until(lambda: sql.call("sql_transactions", 1)[0]["idle_seconds"] >= 0.2)
    connection.rollback()
    assert sql.call("sql_transactions") == []
    connection.close()


def test_a_connection_that_was_lost_is_no_holder_for_ever(sql: SkillHarness, engine: Engine) -> None:
    shop.keep_connections(engine, 2)  # nobody holds the result
    wait_until(lambda: sql.call("sql_pools")[0]["checked_out"] == 0)


def test_repeats_are_found_by_way_of_the_engine(sql: SkillHarness, engine: Engine) -> None:
    engine.dispose()  # connections made before are not timed by the driver
    for _ in range(3):
        shop.ask_all(engine, range(12))
    row = sql.call("sql_repeats", 1)[0]
    assert (row["runs"], row["mean_length"]) == (3, 12.0)
    assert "ask_all" in row["func"]


def test_sqlalchemy_is_left_as_it_was(engine: Engine) -> None:
    before = (vars(QueuePool)["_do_get"], Engine._has_events)
    with SkillHarness(Sql), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert (vars(QueuePool)["_do_get"], Engine._has_events) == before
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
