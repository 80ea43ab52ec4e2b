"""Real programs, asked from another process."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from beamlens.control.client import ask, choose, programs
from beamlens.control.protocol import ControlError, requests
from supervision.process.frames import frame
from supervision.testing import wait_until
from tests.beamlens.control.programs import Running, running

OPERATIONS = [
    "hello",
    "ps",
    "tree",
    "operators",
    "nodes",
    "status",
    "message",
    "run",
    "cancel",
    "events",
    "transcripts",
]


def test_a_program_tells_how_it_stands(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        found = program.found
        assert [(each.pid, each.name) for each in found] == [(program.process.pid, "shop")]
        stands = program.ask("ps")
        assert [each["operator"] for each in stands["operators"]] == ["toy"]
        assert stands["operators"][0]["status"] == "idle"
        assert stands["coordinator"]["running"] is False
        assert stands["transcripts"] is None
        tree = program.ask("tree")
        assert [each["id"] for each in tree["tree"]["children"]][-2:] == ["coordinator", "control"]
        assert program.ask("status", operator="toy")["operator"] == "toy"
        assert program.end() == 0
        assert list(program.directory.iterdir()) == []


def test_a_run_tells_what_happens_and_what_it_came_to(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        heard: list[dict[str, Any]] = []
        outcome = program.ask("run", reason="memory alert", events=True, hear=heard.append)
        names = [each["name"].removeprefix("beamlens.") for each in heard]
        assert outcome["ending"] == "done"
        assert len(outcome["insights"]) == 1
        assert names[0] == "coordinator.run_started"
        assert names[-1] == "coordinator.run_stopped"
        for name in ("operator.run_started", "operator.notification_sent", "coordinator.insight_produced"):
            assert name in names
        assert {each["metadata"]["trace_id"] for each in heard} >= {outcome["trace_id"]}
        assert not program.ask("ps")["coordinator"]["running"]


def test_a_message_is_answered(tmp_path: Path) -> None:
    with running(tmp_path, provider="rules") as program:
        answer = program.ask("message", operator="toy", text="what do you see?")
        assert answer["operator"] == "toy"
        assert answer["response"]


def test_a_run_ends_when_who_asked_for_it_goes_away(tmp_path: Path) -> None:
    with running(tmp_path, slow=True) as program:
        path = program.found[0].path
        with closing(socket.socket(socket.AF_UNIX)) as client:
            client.connect(str(path))
            client.sendall(frame(requests().encode({"op": "run", "args": {"reason": "x"}})))
            wait_until(lambda: program.ask("ps")["coordinator"]["running"], 20)
        wait_until(lambda: not program.ask("ps")["coordinator"]["running"], 20)


def test_a_run_can_be_cancelled_from_elsewhere(tmp_path: Path) -> None:
    with running(tmp_path, slow=True) as program:
        outcomes: list[Any] = []
        thread = threading.Thread(target=lambda: outcomes.append(program.ask("run", reason="x")))
        thread.start()
        wait_until(lambda: program.ask("ps")["coordinator"]["running"], 20)
        assert program.ask("cancel") == {"cancelled": 1}
        thread.join(20)
        assert outcomes[0]["ending"] == "cancelled"


def test_a_program_ends_while_a_run_is_on(tmp_path: Path) -> None:
    with running(tmp_path, slow=True) as program:
        ended: list[Any] = []

        def ask_for_a_run() -> None:
            try:
                ended.append(program.ask("run", reason="x")["ending"])
            except ControlError as error:
                ended.append(error.kind)

        thread = threading.Thread(target=ask_for_a_run)
        thread.start()
        wait_until(lambda: program.ask("ps")["coordinator"]["running"], 20)
        assert program.end() == 0
        thread.join(20)
        assert ended[0] in ("unavailable", "cancelled", "crashed")


def test_events_are_followed_until_the_time_is_over(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        heard: list[dict[str, Any]] = []
        given: dict[str, Any] = {"names": ["operator.think", "coordinator"], "seconds": 60.0}
        path = program.found[0].path

        def hear(event: dict[str, Any]) -> None:
            heard.append(event)
            if event["name"] == "beamlens.coordinator.run_stopped":
                raise _Enough

        def follow() -> None:
            with pytest.raises(_Enough):
                ask(path, "events", given, hear=hear, seconds=30)

        thread = threading.Thread(target=follow)
        thread.start()
        wait_until(lambda: bool(heard), 20)
        program.ask("run", reason="x")
        thread.join(30)
        names = {each["name"] for each in heard[1:]}
        assert {"beamlens.operator.think", "beamlens.coordinator.run_started"} <= names
        assert all(name.startswith(("beamlens.operator.think", "beamlens.coordinator.")) for name in names)


class _Enough(Exception):
    pass


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("nothing", {}, "usage"),
    ("__class__", {}, "usage"),
    ("stop", {}, "usage"),
    ("add_operator", {"given": "os:system"}, "usage"),
    ("message", {"operator": "nobody", "text": "x"}, "not_found"),
    ("message", {"operator": "toy"}, "usage"),
    ("message", {"operator": "toy", "text": 5}, "usage"),
    ("message", {"operator": "toy", "text": "x", "timeout": -1}, "usage"),
    ("run", {"operators": ["nobody"]}, "not_found"),
    ("run", {"operators": "toy"}, "usage"),
    ("run", {"deadline": "soon"}, "usage"),
    ("run", {"deadline": True}, "usage"),
    ("events", {"names": ["nope"]}, "usage"),
    ("status", {"operator": "../../etc/passwd"}, "not_found"),
]


def test_wrong_requests_are_refused_in_words_and_change_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        before = program.ask("ps")
        for op, args, kind in WRONG:
            with pytest.raises(ControlError) as refused:
                program.ask(op, **args)
            assert refused.value.kind == kind, (op, args)
        after = program.ask("ps")
        assert {**after, "operators": None} == {**before, "operators": None}
        assert [each["pid"] for each in after["operators"]] == [each["pid"] for each in before["operators"]]


def test_there_are_no_other_operations() -> None:
    from beamlens.control.operations import OPERATIONS as ALL

    assert sorted(ALL) == sorted(OPERATIONS)


def test_garbage_and_idle_clients_do_not_touch_the_program(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        path = program.found[0].path
        idle = [socket.socket(socket.AF_UNIX) for _ in range(200)]
        try:
            for number, client in enumerate(idle):
                client.connect(str(path))
                if number % 2:
                    client.sendall(os.urandom(3))
            assert program.ask("run", reason="x")["ending"] == "done"
        finally:
            for client in idle:
                client.close()


def test_however_many_follow_events_others_are_answered(tmp_path: Path) -> None:
    with running(tmp_path) as program, ExitStack() as followers:
        path = program.found[0].path
        for _ in range(12):
            client = followers.enter_context(closing(socket.socket(socket.AF_UNIX)))
            client.connect(str(path))
            client.sendall(frame(requests().encode({"op": "events", "args": {}})))
            client.settimeout(20)
            assert client.recv(1)  # it listens
        with pytest.raises(ControlError, match="12 clients follow"):
            program.ask("run", reason="x")
        assert program.ask("ps")["name"] == "shop"
        client.close()
        wait_until(lambda: _is_answered(program), 20)


def _is_answered(program: Running) -> bool:
    try:
        return bool(program.ask("run", reason="x"))
    except ControlError:
        return False


def test_the_socket_of_a_killed_program_is_cleared_away(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        path = program.found[0].path
        program.process.kill()
        program.process.wait(timeout=30)
        assert path.exists()
        assert program.found == []
        assert not path.exists()


def test_a_program_that_ends_without_stopping_its_tree_removes_its_socket(tmp_path: Path) -> None:
    with running(tmp_path, stop=False) as program:
        assert len(program.found) == 1
        assert program.end() == 0
        assert list(program.directory.iterdir()) == []


def test_a_stopped_program_is_listed_as_one_that_does_not_answer(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        program.process.send_signal(signal.SIGSTOP)
        try:
            found = program.found
        finally:
            program.process.send_signal(signal.SIGCONT)
        assert [(each.pid, each.name) for each in found] == [(program.process.pid, "")]


def test_a_tree_without_control_has_no_socket(tmp_path: Path) -> None:
    with running(tmp_path, control=False) as program:
        assert program.found == []


def test_a_tree_within_a_tree_is_found_by_its_path(tmp_path: Path) -> None:
    with running(tmp_path, nested=True) as program:
        assert [each.name for each in program.found] == ["root/Beamlens"]
        assert program.ask("run", reason="x")["ending"] == "done"


def test_of_two_trees_one_must_be_chosen(tmp_path: Path) -> None:
    with running(tmp_path, names=["one", "two"]) as program:
        found = program.found
        assert sorted(each.name for each in found) == ["one", "two"]
        with pytest.raises(ControlError, match=r"(?s)several.*--name one.*--name two"):
            choose(found)
        assert choose(found, name="two").name == "two"
        with pytest.raises(ControlError, match="none of the running trees"):
            choose(found, name="three")


def test_where_the_directory_is_not_private_the_program_runs_without(tmp_path: Path) -> None:
    (tmp_path / "beamlens").mkdir()
    (tmp_path / "beamlens").chmod(0o777)
    with running(tmp_path) as program:
        assert list((tmp_path / "beamlens").iterdir()) == []
        assert program.end() == 0


def test_programs_in_a_directory_of_others_are_not_believed(tmp_path: Path) -> None:
    from beamlens.control.directory import ControlDirectoryError

    (tmp_path / "beamlens").mkdir()
    (tmp_path / "beamlens").chmod(0o777)
    with pytest.raises(ControlDirectoryError):
        programs(tmp_path / "beamlens")
    assert programs(tmp_path / "nothing") == []


FORKS = """
import os, sys, time
sys.path.insert(0, os.getcwd())
from tests.beamlens.control.program import Toy
from beamlens.supervisor import Beamlens
lens = Beamlens.start(operators=[Toy], provider="rules", transcripts=False, name="forks")
child = os.fork()
if child == 0:
    paths = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    held = [os.readlink(path) for path in paths if os.path.lexists(path)]
    lines = [line.split() for line in open("/proc/net/unix") if "/beamlens/" in line]
    inodes = {f"socket:[{line[6]}]" for line in lines}
    os._exit(17 if inodes & set(held) else 0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
from beamlens.control.client import programs
print([each.name for each in programs()], flush=True)
lens.stop()
"""


NO_HOOK = "import beamlens.control.listener as made\nmade._all.add = lambda *_: None\nlens = "


@pytest.mark.parametrize(("is_known", "code"), [(True, "0"), (False, "17")], ids=["hook", "without"])
def test_a_forked_copy_holds_no_socket_and_leaves_the_original_its_own(
    tmp_path: Path, is_known: bool, code: str
) -> None:
    import subprocess
    import sys

    from tests.beamlens.control.programs import ROOT, environment

    tmp_path.chmod(0o700)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS if is_known else FORKS.replace("lens = ", NO_HOOK, 1)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(tmp_path),
        timeout=50,
        check=True,
    )
    assert done.stdout.split("\n")[:2] == [code, "['forks']"]


def test_a_server_that_is_restarted_listens_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from beamlens.supervisor import Beamlens
    from tests.beamlens.control.program import Toy

    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    lens = Beamlens.start(operators=[Toy], provider="rules", transcripts=False, name="again")
    try:
        assert [each.name for each in programs()] == ["again"]
        lens.terminate_child("control")
        assert programs() == []
        lens.restart_child("control")
        assert [each.name for each in programs()] == ["again"]
    finally:
        lens.stop()
    assert programs() == []
