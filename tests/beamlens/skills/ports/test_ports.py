"""The skill `ports`: descriptors of a real process, seen from outside."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beamlens.skills.descriptors.history import DescriptorHistory
from beamlens.skills.descriptors.listing import pattern_of, read_descriptors, read_limit
from beamlens.skills.descriptors.sockets import decoded_address
from beamlens.skills.ports import Ports
from beamlens.testing import SkillHarness
from supervision.testing import wait_until
from tests.beamlens.skills.judged import Judge

HOLDER = """
import sys, time
from pathlib import Path
kept = []
for line in sys.stdin:
    for _ in range(int(line)):
        kept.append(open(Path(sys.argv[1]) / f"invoice-{len(kept)}.json", "w"))
    print(len(kept), flush=True)
"""

CALLER = """
import socket, sys
kept = []
for line in sys.stdin:
    kept.extend(socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(int(line)))
    print(len(kept), flush=True)
"""


class Holder:
    """A program that opens so many files as it is told, or connections, and closes none."""

    def __init__(self, given: Path | int, program: str = HOLDER) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(given)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def open(self, count: int) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        self.process.stdout.readline()

    def close(self) -> None:
        self.process.communicate(timeout=20)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Holder]:
    (tmp_path / "invoices").mkdir()
    holder = Holder(tmp_path / "invoices")
    holder.open(0)
    yield holder
    holder.close()


def _watched(holder: Holder, steps: list[int]) -> DescriptorHistory:
    """Return the history of looks, one a second as the clock given says, with so many files opened before each."""
    history = DescriptorHistory(holder.process.pid)
    for second, count in enumerate(steps):
        if count:
            holder.open(count)
        history.look(100.0 + second)
    return history


def test_files_that_are_opened_and_never_closed_are_named(holder: Holder) -> None:
    row = _watched(holder, [0] * 5 + [2] * 15).growing(5)[0]
    assert row["key"].startswith("file ")
    assert row["key"].endswith("invoices/invoice-#.json")
    assert (row["kind"], row["count"]) == ("file", 30)
    assert row["change"] == 30
    assert 100 <= row["per_minute"] <= 130


@pytest.mark.parametrize(
    "steps",
    [[20] + [0] * 19, [3] * 8 + [0] * 12, [0] * 20, [0] * 10 + [30] + [0] * 9],
    ids=["a pool filled at once", "a pool that warms up", "nothing", "a step"],
)
def test_what_comes_to_rest_does_not_grow(holder: Holder, steps: list[int]) -> None:
    assert _watched(holder, steps).growing(5) == []


def test_a_leak_is_found_by_its_check_with_a_drill(holder: Holder, tmp_path: Path) -> None:
    skill = Ports()
    skill.pid = holder.process.pid
    skill._history = _watched(holder, [2] * 15)

    def call(name: str, *arguments: Any) -> Any:
        return skill.snapshot() if name == "snapshot" else skill.callbacks()[name](*arguments)

    judge = Judge(skill.checks(), call, list(skill.callbacks()))
    judge.look()
    found = judge.findings()
    assert list(found) == ["descriptor_growth"]
    observation, context, *_ = judge.texts(found["descriptor_growth"])
    assert "invoices/invoice-#.json" in observation
    assert "30 descriptors are open on" in observation
    assert "more are allowed" in context
    assert str(tmp_path) not in observation


def _findings(history: DescriptorHistory) -> list[str]:
    skill = Ports()
    skill._history = history
    calls: dict[str, Any] = {"snapshot": skill.snapshot, **skill.callbacks()}
    judge = Judge(skill.checks(), lambda name, *arguments: calls[name](*arguments), list(skill.callbacks()))
    judge.look()
    return list(judge.findings())


@pytest.mark.parametrize(
    ("steps", "found"),
    [([0] * 5 + [5] * 70, ["connection_growth"]), ([5] * 40 + [0] * 30, []), ([0] * 5 + [2] * 70, [])],
    ids=["without an end", "a pool of 200", "slowly"],
)
def test_connections_that_are_opened_for_a_minute_without_an_end_are_a_finding(
    steps: list[int], found: list[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=400) as server:
        caller = Holder(server.getsockname()[1], CALLER)
        try:
            assert _findings(_watched(caller, steps)) == found
        finally:
            caller.close()


def test_a_program_that_opens_and_closes_is_healthy(holder: Holder) -> None:
    skill = Ports()
    skill.pid = holder.process.pid
    skill._history = _watched(holder, [30] + [0] * 14)
    judge = Judge(skill.checks(), lambda *_: skill.snapshot(), [])
    judge.look()
    assert judge.findings() == {}


def test_sockets_are_told_by_state_and_by_what_they_are_connected_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        port = server.getsockname()[1]
        accepted, _ = server.accept()
        client.shutdown(socket.SHUT_WR)  # the other side has closed: the accepted one waits for our close
        listing = wait_until(lambda: _with_close_wait(os.getpid()), timeout=20)
        accepted.close()
    assert listing.groups[f"socket tcp listening on :{port}"] == 1
    assert listing.groups[f"socket tcp accepted on :{port} CLOSE_WAIT"] == 1
    assert listing.groups[f"socket tcp to 127.0.0.1:{port}"] == 1


def _with_close_wait(pid: int) -> Any:
    listing = read_descriptors(pid)
    return listing if listing is not None and listing.states["CLOSE_WAIT"] else None


def test_pipes_and_devices_are_no_files() -> None:
    read, write = os.pipe()
    null = os.open(os.devnull, os.O_RDONLY)
    listing = read_descriptors(os.getpid())
    for number in (read, write, null):
        os.close(number)
    assert listing is not None
    assert listing.kinds["pipe"] >= 2
    assert listing.groups["device /dev/null"] >= 1
    assert sum(listing.kinds.values()) <= listing.open


def test_a_process_that_is_gone_is_not_nothing_open(holder: Holder) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert read_descriptors(gone.pid) is None
    assert read_limit(gone.pid) is None
    skill = Ports()
    skill.pid = gone.pid
    skill._history = DescriptorHistory(gone.pid)
    skill._history.look(1.0)
    data = skill.snapshot()
    assert (data["open"], data["kinds"], data["growing"]) == (None, None, [])
    assert data["missing"]


@pytest.mark.parametrize(
    ("path", "root", "pattern"),
    [
        ("/srv/shop/var/invoice-17.json", "/srv/shop", "var/invoice-#.json"),
        ("/a/b/c/d/e5.txt", "/srv", "c/d/e#.txt"),
        ("/srv/shopping/x", "/srv/shop", "srv/shopping/x"),
        ("/tmp/0123456789abcdef", "/", "tmp/#"),
    ],
)
def test_patterns(path: str, root: str, pattern: str) -> None:
    assert pattern_of(path, root) == pattern


def test_addresses_are_read_as_the_kernel_writes_them() -> None:
    if sys.byteorder != "little":
        pytest.skip("the examples are of a little-endian machine")
    assert decoded_address("0100007F:1F90") == ("127.0.0.1", 8080)
    assert decoded_address("00000000000000000000000001000000:0050") == ("::1", 80)
    assert decoded_address("0000000000000000FFFF00000100007F:0050") == ("127.0.0.1", 80)


def test_the_limit_is_this_process_own() -> None:
    import resource

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert read_limit(os.getpid()) == (None if soft == resource.RLIM_INFINITY else soft)


def test_the_skill_is_good() -> None:
    with SkillHarness("ports") as harness:
        harness.assert_good()
        skill = harness.access.skill
        assert skill is not None
        for example in skill.callback_docs().split("```lua\n")[1:]:
            harness.lua(example.split("```")[0])
        assert harness.snapshot()["open"] > 0
        wait_until(lambda: harness.snapshot()["looks"] >= 2, timeout=20)  # its own thread looks
