"""Values that only the actor's module makes known may come before that module is imported."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from supervision import ProcessActor
from supervision.errors import ProtocolError
from supervision.process import registry
from supervision.process.envelopes import outer
from supervision.process.frames import frame
from supervision.process.link import Link
from supervision.process.protocol import ASK, PROMOTE, REPLY, TELL, UNREADABLE
from supervision.process.unreadable import head_of
from supervision.process.waiter import Waiter
from supervision.process.wire import Codec, wire_value


@wire_value
@dataclass(frozen=True)
class Late:
    number: int


class Keeper(ProcessActor):
    def __init__(self, first: Late) -> None:
        super().__init__()
        self.first = first

    def on_receive(self, message: Late) -> int:
        return self.first.number + message.number


@pytest.fixture
def link() -> Iterator[Link]:
    """A link that was sent a promotion and messages behind it, before it knew `Late`."""
    ours, theirs = socket.socketpair()
    codec = Codec()
    link = Link(theirs, codec)
    frames = ([PROMOTE, 1, b""], [ASK, 1, Late(1)], [TELL, "plain"], [TELL, Late(2)], [REPLY, 1, "answer"])
    ours.sendall(b"".join(frame(outer(codec).encode(list(each))) for each in frames))
    yield link
    ours.close()
    theirs.close()


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(registry._by_name, f"{__name__}:Late")


def read(link: Link) -> list[object] | None:
    return link.next(time.monotonic() + 10)


@pytest.mark.usefixtures("unknown")
def test_they_are_kept_until_it_is_and_their_order_with_them(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    link.hold()
    waiter = Waiter()
    link.open(waiter)
    assert read(link) == [PROMOTE, 1, b""]
    assert link.wait(waiter, 10)  # an answer is not kept: the import may wait for it
    monkeypatch.undo()
    link.release()
    assert [read(link) for _ in range(3)] == [[ASK, 1, Late(1)], [TELL, "plain"], [TELL, Late(2)]]


@pytest.mark.usefixtures("unknown")
def test_what_stays_unknown_is_refused_in_its_place_when_they_are_released(link: Link) -> None:
    link.hold()
    read(link)
    link.release()
    check_refused(link)


@pytest.mark.usefixtures("unknown")
def test_without_holding_they_are_refused_though_it_becomes_known(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    assert read(link) == [PROMOTE, 1, b""]
    monkeypatch.undo()
    check_refused(link)


def check_refused(link: Link) -> None:
    """Read the three messages: the two that nobody could unpack are told as such, in order."""
    first, second, third = (read(link) for _ in range(3))
    assert first is not None
    assert first[:2] == [UNREADABLE, 1]
    assert isinstance(first[2], ProtocolError)
    assert "no wire value" in str(first[2])
    assert second == [TELL, "plain"]
    assert third is not None
    assert third[:2] == [UNREADABLE, None]


@pytest.mark.usefixtures("unknown")
def test_an_answer_that_stays_unknown_is_an_error_for_who_waits_for_it_alone() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        link = Link(theirs, Codec())
        waiter, other = Waiter(), Waiter()
        number, next_number = link.open(waiter), link.open(other)
        for content in ([REPLY, number, Late(1)], [REPLY, next_number, "fine"]):
            ours.sendall(frame(outer(Codec()).encode(content)))
        assert link.wait(other, 10)
        assert other.result() == "fine"
        with pytest.raises(ProtocolError, match="no wire value"):
            waiter.result()


def test_what_does_not_even_begin_as_a_message_is_raised() -> None:
    trouble = ProtocolError("why")
    for body in (b"", b"\x91", b"\x93\x01", b"\x92\xa1x\x01", b"\x91\x16", b"\xc1", b"\x93\x01\xa1x\xc0"):
        with pytest.raises(ProtocolError, match="why"):
            head_of(body, trouble)


PROGRAM = """
import sys
from supervision import configure
if __name__ == "__main__":
    configure(launcher=sys.argv[1])
    from tests.test_link_holding import Late, Keeper
    ref = Keeper.start(Late(7))
    print(ref.ask(Late(1), timeout=30))
    ref.stop()
"""


@pytest.mark.parametrize("launcher", ["zygote", "spawn"])
def test_arguments_of_a_start_may_be_such_values(tmp_path: Path, launcher: str) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    env = {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, str(path), launcher], env=env, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stdout.strip() == "8", done.stderr
