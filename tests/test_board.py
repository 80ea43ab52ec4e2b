"""The file in memory that shows a program's trees to other processes."""

import json
import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from supervision.process import board
from supervision.process.board import Board, pack, unpack
from supervision.reporter import reporter

pytestmark = pytest.mark.skipif(not board.supported(), reason="needs memfd_create and /proc")

ROOT = Path(__file__).parent.parent
CONTENT = {"pid": 7, "time": 1.5, "trees": [{"name": "shop", "children": [{"id": "tür", "pid": 8}]}]}


class Timers:
    """Stand in for the loop: keep what is due later until the test says that it is due."""

    def __init__(self) -> None:
        self.due: list[tuple[float, Callable[[], object]]] = []

    def call_later(self, delay: float, callback: Callable[[], object]) -> None:
        self.due.append((delay, callback))

    def run(self) -> float:
        delay, callback = self.due.pop()
        callback()
        assert reporter.flush()
        return delay


def make_board(describe: Callable[[], list[dict[str, Any]]]) -> tuple[Board, Timers]:
    timers = Timers()
    return Board(timers, describe), timers  # type: ignore[arg-type]


def content_of(made: Board) -> dict[str, Any] | None:
    (fd,) = made.descriptors()
    return unpack(Path(f"/proc/self/fd/{fd}").read_bytes())


@pytest.fixture(autouse=True)
def _no_reporter_left() -> Any:
    yield
    reporter.stop()


def test_what_is_packed_is_read() -> None:
    assert unpack(pack(CONTENT)) == CONTENT


def test_a_file_that_is_being_written_is_not_read() -> None:
    data = pack(CONTENT)
    assert all(unpack(data[:length]) is None for length in range(len(data)))
    for at in range(16, len(data)):
        assert unpack(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]) is None


def test_without_the_checksum_a_torn_file_would_be_taken_for_whole() -> None:
    torn = pack(CONTENT).replace(b'"pid":8', b'"pid":9')
    assert json.loads(torn[16:])["trees"][0]["children"][0]["pid"] == 9
    assert unpack(torn) is None


def test_what_follows_the_content_is_ignored() -> None:
    assert unpack(pack(CONTENT) + b"left of a longer one") == CONTENT


def test_a_file_of_another_version_is_named_so() -> None:
    with pytest.raises(ValueError, match="another version"):
        unpack(b"suptree9" + pack(CONTENT)[8:])


def test_a_reader_beside_a_writer_sees_whole_descriptions_only() -> None:
    length = [1]
    made, timers = make_board(lambda: [{"rows": [length[0]] * length[0]}])
    over = threading.Event()

    def write() -> None:
        for turn in range(400):
            length[0] = 1 + turn * 37 % 5000
            made.touch()
            timers.run()
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not over.is_set():
        content = content_of(made)
        if content is not None:
            (tree,) = content["trees"]
            assert set(tree["rows"]) == {len(tree["rows"])}
            seen.add(len(tree["rows"]))
    writer.join()
    made.close()
    assert len(seen) > 1


def test_many_changes_are_described_once_a_moment_later() -> None:
    calls: list[int] = []

    def describe() -> list[dict[str, Any]]:
        calls.append(1)
        return [{"calls": len(calls)}]

    made, timers = make_board(describe)
    for _ in range(1000):
        made.touch()
    assert not calls
    assert len(timers.due) == 1
    assert timers.run() == 0.25
    assert len(calls) == 1
    assert not timers.due, "nothing is due when nothing changed"
    content = content_of(made)
    assert content is not None
    assert content["pid"] == os.getpid()
    assert content["trees"] == [{"calls": 1}]
    made.close()


def test_a_large_tree_is_described_less_often() -> None:
    def describe() -> list[dict[str, Any]]:
        time.sleep(0.02)
        return []

    made, timers = make_board(describe)
    made.touch()
    assert timers.run() == 0.25
    made.touch()
    assert timers.run() >= 1.0
    made.close()


def test_a_closed_board_gives_its_file_back_and_is_not_touched() -> None:
    made, timers = make_board(list)
    (fd,) = made.descriptors()
    made.touch()
    made.close()
    made.close()
    assert not os.path.exists(f"/proc/self/fd/{fd}")
    assert made.descriptors() == set()
    timers.run()
    made.touch()
    reporter.flush()
    made.close()


def test_where_there_is_no_memory_file_nothing_is_ever_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    made, timers = make_board(list)
    made.touch()
    assert not timers.due
    assert made.descriptors() == set()
    made.close()


def test_the_checksum_is_that_of_the_body() -> None:
    data = pack({})
    assert int.from_bytes(data[12:16], "little") == zlib.crc32(data[16:])


PROGRAM = """
import json, os, sys, threading, time
from supervision import ChildSpec, Supervisor
from supervision.demo.actors import Service
from supervision.process import application, board

def boards():
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            if board.NAME in os.readlink(f"/proc/self/fd/{number}"):
                found.append(int(number))
        except OSError:
            pass
    return found

def naps():
    total = 0
    for thread in threading.enumerate():
        if thread.name.startswith("supervision-"):
            with open(f"/proc/self/task/{thread.native_id}/status") as file:
                total += sum(int(line.split()[1]) for line in file if "voluntary_ctxt" in line)
    return total

def content():
    with open(f"/proc/self/fd/{boards()[0]}", "rb") as file:
        data = file.read()
    return board.unpack(data) if data else None

def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)

def settled():
    before = naps()
    time.sleep(0.7)
    return naps() == before

facts = {}
tree = Supervisor.start([ChildSpec(id="one", start=(Service, ()))], name="shop")
facts["running"] = len(boards())
facts["owned"] = set(boards()) <= application.current().own_descriptors()
facts["inheritable"] = os.get_inheritable(boards()[0])
until(lambda: content() and content()["trees"])
facts["name"] = content()["trees"][0]["name"]
until(settled)
facts["wakes"] = 0
read, write = os.pipe()
copy = os.fork()
if copy == 0:
    os.write(write, str(len(boards())).encode())
    os._exit(0)
facts["in the copy"] = int(os.read(read, 8))
os.waitpid(copy, 0)
facts["in the child"] = [n for n in os.listdir(f"/proc/{tree['one'].pid}/fd")
    if board.NAME in os.readlink(f"/proc/{tree['one'].pid}/fd/{n}")]
tree.stop()
until(lambda: content()["trees"] == [])
application.shutdown()
facts["afterwards"] = len(boards())
print(json.dumps(facts))
"""


def facts_of(program: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def test_a_program_holds_one_board_while_it_runs_actors_and_none_afterwards() -> None:
    assert facts_of(PROGRAM) == {
        "running": 1,
        "owned": True,
        "inheritable": False,
        "name": "shop",
        "wakes": 0,
        "in the copy": 0,
        "in the child": [],
        "afterwards": 0,
    }


def test_without_giving_it_back_a_board_would_be_left() -> None:
    facts = facts_of(PROGRAM.replace("facts = {}", "board.Board.discard = lambda self: None; facts = {}"))
    assert (facts["in the copy"], facts["afterwards"]) == (1, 1)
