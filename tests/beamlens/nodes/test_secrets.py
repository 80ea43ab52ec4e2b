"""What crosses between processes is what already leaves a probe: every byte of it is looked at."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from beamlens.control.directory import listen_at, prepare
from beamlens.nodes.lease import Lease, MeetingPlace
from beamlens.nodes.messages import Ask, Hello, Told, Welcome
from beamlens.probe.messages import CALLBACK_DOCS, DESCRIBE, SNAPSHOT, Answer, Call, Failed
from beamlens.redact import Redactor
from supervision.process.frames import FrameReader, frame
from supervision.process.wire import Codec
from tests.beamlens.nodes.groups import Group

SECRET = b"hunter2hunter2"


def no_redaction() -> None:
    """Let everything through: what the redactor is good for."""
    setattr(Redactor, "redact", lambda _, value: value)  # noqa: B010


class Listening:
    """Be the elected one, and keep every byte that a node sends."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(30)
        self.connection = connection
        self.heard = b""
        self._reader = FrameReader(2**24)
        self._codec = Codec()

    def _recv(self, size: int) -> bytes:
        data = self.connection.recv(size)
        self.heard += data
        return data

    def hear(self) -> Any:
        while (found := self._reader.next()) is None:
            assert self._reader.receive(self._recv)
        self._reader.advance(found[1])
        return self._codec.decode(found[1])

    def ask(self, op: str, value: Any) -> Any:
        self.connection.sendall(frame(self._codec.encode(Ask(1, op, value))))
        told = self.hear()
        assert isinstance(told, Told)
        return told.value


@pytest.mark.parametrize("setup", [None, f"{__name__}:no_redaction"])
def test_no_secret_crosses(tmp_path: Path, setup: str | None) -> None:
    tmp_path.chmod(0o700)
    shop = Group(tmp_path)
    place = MeetingPlace("shop", shop.folder)
    prepare(shop.folder)
    lease = Lease(place.lock)
    assert lease.take()
    listener = listen_at(place.socket)
    listener.settimeout(30)
    worker = shop.add(setup=setup)
    try:
        listener.setblocking(True)
        connection, _ = listener.accept()
        with connection:
            node = Listening(connection)
            assert isinstance(node.hear(), Hello)
            connection.sendall(frame(Codec().encode(Welcome("other"))))
            worker.end()
            looked = node.ask("call", Call("toy", SNAPSHOT, (), 5.0, ""))
            assert isinstance(looked, Answer)
            assert looked.value["depth"] == 1
            for name, args in ((DESCRIBE, ()), (CALLBACK_DOCS, ()), ("toy_depth", (2,)), ("toy_depth", ("x",))):
                node.ask("call", Call("toy", name, args, 5.0, ""))
            # A node answers calls of its probe, and nothing else.
            for op, value in (("run", None), ("call", "os.environ"), ("environment", {}), ("call", None)):
                assert isinstance(node.ask(op, value), Failed)
            assert (SECRET in node.heard) == (setup is not None)
    finally:
        worker.close()
        listener.close()
        place.socket.unlink()
        lease.give_back()
