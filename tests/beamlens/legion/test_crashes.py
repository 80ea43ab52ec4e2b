"""What remains when processes die: nothing is lost, nothing is done twice that may not be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from beamlens.legion import Ok, SqliteStore
from beamlens.legion.store.store import Checkpoint
from supervision.testing import wait_until
from tests.beamlens.legion.agents import Clerk, Rememberer, Worker
from tests.beamlens.legion.conftest import Told, Tree, reply
from tests.beamlens.legion.team import Lead


def turns(*steps: Any) -> dict[str, Any]:
    """Return a script that finds its place by the answers in the conversation: a repeated request gets the same."""
    return {"*": {"steps": list(steps), "position": "turns"}}


def test_killed_in_a_request_it_goes_on_and_answers(start: Tree, told: Told) -> None:
    slow = {"tool": "reply", "arguments": {"action": "eval_and_complete", "code": "return a + 1"}, "delay": 1.0}
    agent = start(turns(reply("eval_and_continue", "a = 41"), slow)).start_agent(Clerk)
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(agent.call("?")))
    caller.start()
    wait_until(lambda: told.names().count("llm.request.start") == 2)
    killed = agent.ref.pid
    os.kill(killed, signal.SIGKILL)
    caller.join(20)
    assert answers == [Ok(42)]
    assert agent.ref.pid != killed
    assert told.names().count("sandbox.eval.start") == 2  # the first was not repeated
    assert told.names().count("agent.started") == 2


def test_code_that_was_running_is_not_run_again_but_told_of(start: Tree, tmp_path: Path) -> None:
    marks, death = str(tmp_path / "marks"), str(tmp_path / "death")
    code = f"Marker.mark('{marks}', 'x'); return Marker.die_once('{death}')"
    script = turns(reply("eval_and_continue", code), reply("return", result={"$result": True}))
    result = start(script).execute(Worker, "?")
    assert "died before it could say what came of it" in result.value
    assert Path(marks).read_text() == "x\n"


def test_code_that_was_running_is_run_again_where_that_is_wanted(start: Tree, tmp_path: Path) -> None:
    marks, death = str(tmp_path / "marks"), str(tmp_path / "death")
    code = f"Marker.mark('{marks}', 'x'); return Marker.die_once('{death}')"
    result = start(turns(reply("eval_and_complete", code))).execute(Worker, "?", interrupted="rerun")
    assert result == Ok("survived")
    assert Path(marks).read_text() == "x\nx\n"


def test_saved_by_turns_only_the_whole_turn_is_taken_again(start: Tree, tmp_path: Path) -> None:
    marks, death = str(tmp_path / "marks"), str(tmp_path / "death")
    script = turns(
        reply("eval_and_continue", f"return Marker.mark('{marks}', 'x')"),
        reply("eval_and_complete", f"return Marker.die_once('{death}')"),
    )
    assert start(script).execute(Worker, "?", persistence="turn") == Ok("survived")
    assert Path(marks).read_text() == "x\nx\n"


def test_a_turn_that_kills_its_process_again_and_again_is_given_up(start: Tree) -> None:
    tree = start(turns(reply("eval_and_complete", "return Marker.die()"), reply("return", result="alive")))
    agent = tree.start_agent(Worker, interrupted="rerun")
    result = agent.call("?")
    assert (result.reason, result.detail) == ("gone", "the process died 5 times in this turn")
    assert "The task was ended" in agent.get_messages()[-1]["content"]
    assert agent.call("?") == Ok("alive")


def test_casts_that_wait_survive(start: Tree, tmp_path: Path) -> None:
    marks = str(tmp_path / "marks")
    slow = {"tool": "reply", "arguments": {"action": "done"}, "delay": 1.0}
    mark = reply("eval_and_complete", f"return Marker.mark('{marks}', 'cast')")
    agent = start(turns(slow, mark)).start_agent(Worker)
    agent.cast("first")
    second = agent.cast("second")
    wait_until(lambda: agent.status()["queued"] == 1)
    os.kill(agent.ref.pid, signal.SIGKILL)
    wait_until(lambda: Path(marks).exists(), timeout=20)
    assert agent.await_(second) == Ok(1)


def test_a_turn_that_a_stop_cuts_off_goes_on_in_another_tree(start: Tree, tmp_path: Path, told: Told) -> None:
    slow = {"tool": "reply", "arguments": {"action": "return", "result": "late"}, "delay": 20}
    one = start(turns(reply("eval_and_continue", "a = 1"), slow), store=tmp_path / "s")
    one.start_agent(Clerk, agent_id="c").cast("?")
    wait_until(lambda: told.names().count("llm.request.start") == 2)
    one.stop()
    quick = turns(reply("done"), reply("eval_and_complete", "return a"))
    two = start(quick, store=tmp_path / "s", recover=True)
    wait_until(lambda: [kept.status for kept in two.kept()] == ["idle"], timeout=20)
    assert two.recover() == {}
    wait_until(lambda: any(stop["status"] == "ok" for stop in told.of("agent.message.stop")))
    last = told.of("agent.message.stop")[-1]
    assert (last["status"], last["result"]) == ("ok", 1)


def test_a_resumed_turn_can_be_waited_for_when_it_is_over(start: Tree, tmp_path: Path, told: Told) -> None:
    slow = {"tool": "reply", "arguments": {"action": "return", "result": "late"}, "delay": 20}
    one = start([slow], store=tmp_path / "s")
    one.start_agent(Clerk, agent_id="c").cast("?")
    wait_until(lambda: "llm.request.start" in told.names())
    one.stop()
    agent = start([reply("return", result="soon")], store=tmp_path / "s").resume("c")
    wait_until(lambda: agent.status()["status"] == "idle")
    assert agent.await_() == Ok("soon")
    assert agent.await_("another") is None


def test_the_store_keeper_may_die(start: Tree) -> None:
    tree = start([reply("eval_and_complete", "kept = 1"), reply("eval_and_complete", "return kept")])
    agent = tree.start_agent(Rememberer)
    agent.call("?")
    tree["store"].stop()
    assert agent.call("?") == Ok(1)
    assert [kept.agent_id for kept in tree.kept()] == [agent.agent_id]


def test_sub_agents_end_with_their_parent(start: Tree) -> None:
    script = {
        "legion:Lead": [reply("eval_and_complete", "return AgentTool.start('Clerk')")],
        "legion:Clerk": [],
    }
    tree = start(script)
    lead = tree.start_agent(Lead)
    child = tree.lookup(lead.call("?").value)
    pid = child.ref.pid
    assert tree.running(child.agent_id)
    os.kill(lead.ref.pid, signal.SIGKILL)
    wait_until(lambda: not tree.running(child.agent_id))
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


def test_sub_agents_of_a_program_that_is_gone_are_forgotten(start: Tree, tmp_path: Path, told: Told) -> None:
    script = {
        "legion:Lead": [reply("eval_and_complete", "return AgentTool.call('Clerk', 'x')")],
        "legion:Clerk": [{"tool": "reply", "arguments": {"action": "done"}, "delay": 20}],
    }
    store = SqliteStore(tmp_path / "s")
    one = start(script, store=store)
    one.start_agent(Lead, agent_id="lead").cast("?")
    wait_until(lambda: told.names().count("llm.request.start") == 2, timeout=20)
    with store.transaction() as cursor:  # as a program leaves it that is killed
        rows = list(cursor.execute("SELECT * FROM legion_agents"))
    one.stop()
    with store.transaction() as cursor:
        cursor.execute("DELETE FROM legion_agents")
        cursor.executemany(f"INSERT INTO legion_agents VALUES ({', '.join('?' * len(rows[0]))})", rows)
        cursor.execute("UPDATE legion_agents SET lease = 0")
    two = start({"*": {"steps": [reply("return", result="x")] * 2, "position": "turns"}}, store=store)
    assert list(two.recover()) == ["lead"]
    assert [kept.agent_id for kept in two.kept()] == ["lead"]
    two.stop()
    store.close()


def test_endless_code_dies_with_its_agent(start: Tree) -> None:
    tree = start([reply("eval_and_complete", "while true do end")])
    agent = tree.start_agent(Worker)
    agent.cast("?")
    wait_until(lambda: len(sandboxes(tree)) == 1, timeout=20)
    (lua,) = sandboxes(tree)
    os.kill(agent.ref.pid, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(lua), timeout=20)


def sandboxes(tree: Any) -> list[int]:
    """Return the processes in which Lua runs."""
    server = tree["sandbox"].ask("pid")
    return [] if server is None else [child.pid for child in psutil.Process(server).children()]


def test_no_tool_is_called_before_the_decision_is_kept(start: Tree, tmp_path: Path) -> None:
    marks = str(tmp_path / "marks")

    class Failing(SqliteStore):
        saves = 0

        def save(self, checkpoint: Checkpoint) -> None:
            self.saves += 1
            if self.saves == 2:  # the first is the message, this one what the model decided on it
                raise OSError("the disk is full")
            super().save(checkpoint)

    store = Failing()
    script = turns(reply("eval_and_complete", f"return Marker.mark('{marks}', 'x')"))
    tree = start(script, store=store)
    assert tree.execute(Worker, "?") == Ok(1)
    assert Path(marks).read_text() == "x\n"
    assert store.saves > 3
    tree.stop()
    store.close()


PROGRAM = """
import sys
from beamlens import legion
from tests.beamlens.legion.agents import Worker

if __name__ == "__main__":
    slow = {"tool": "reply", "arguments": {"action": "return", "result": "done"}, "delay": float(sys.argv[2])}
    first = ["reply", {"action": "eval_and_continue", "code": "a = 1"}]
    script = {"*": {"steps": [first, slow], "position": "turns"}}
    tree = legion.start(provider="scripted", provider_options={"script": script}, store=sys.argv[1], lease_seconds=1.0)
    if sys.argv[3] == "begin":
        agent = tree.start_agent(Worker, agent_id="w")
        agent.cast("?")
        import time
        while agent.status()["iteration"] < 1:
            time.sleep(0.01)
        print("begun", flush=True)
        time.sleep(60)
    while True:
        found = tree.recover()
        if found:
            break
    print(found["w"].value, tree.kept()[0].status, flush=True)
    legion.stop()
"""


@pytest.mark.slow
def test_the_whole_program_dies_and_the_next_one_recovers(tmp_path: Path) -> None:
    script, store = tmp_path / "program.py", tmp_path / "agents.sqlite3"
    script.write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    command = [sys.executable, str(script), str(store)]
    first = subprocess.Popen([*command, "30", "begin"], stdout=subprocess.PIPE, text=True, env=environment)
    assert first.stdout is not None
    assert first.stdout.readline() == "begun\n"
    first.kill()
    first.wait()
    first.stdout.close()
    second = subprocess.run([*command, "0", "recover"], capture_output=True, text=True, env=environment, timeout=50)
    assert second.stdout == "done idle\n", second.stderr
