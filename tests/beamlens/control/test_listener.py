"""Clients that are hostile, slow or many: neither the program nor other clients wait for them."""

from __future__ import annotations

import os
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from beamlens.control.client import ask
from beamlens.control.conversation import Conversation
from beamlens.control.directory import listen, prepare
from beamlens.control.listener import Bounds, Listener
from beamlens.control.peer import is_own_user
from beamlens.control.protocol import REQUEST_BYTES, ControlError
from supervision.testing import wait_until


@contextmanager
def listening(tmp_path: Path, bounds: Bounds | None = None, serve: Any = None) -> Iterator[Path]:
    directory = tmp_path / "c"
    prepare(directory)
    listener, path = listen(directory, f"{os.getpid()}.t")
    server = Listener(listener, path, serve or _echo, bounds)
    server.start()
    try:
        yield path
    finally:
        server.close()
        wait_until(lambda: not [each for each in threading.enumerate() if each.name.startswith("beamlens-control")])
        assert not path.exists()


def _echo(call: Conversation) -> None:
    call.answer(call.request.args)


def _connected(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(path))  # waits for a place in the queue, which it would not do with a time limit
    client.settimeout(20)
    return client


def _ended(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_request_is_answered(tmp_path: Path) -> None:
    with listening(tmp_path) as path:
        assert ask(path, "echo", {"a": [1, "x"]}, seconds=10) == {"a": [1, "x"]}


def test_it_costs_one_thread_that_sleeps(tmp_path: Path) -> None:
    before = threading.active_count()
    with listening(tmp_path):
        assert threading.active_count() == before + 1
        thread = next(each for each in threading.enumerate() if each.name == "beamlens-control")
        wait_until(lambda: _state(thread) == "S")
        switches = _switches(thread)
        time.sleep(0.3)  # that nothing happens can only be seen by waiting
        assert _switches(thread) == switches


def _state(thread: threading.Thread) -> str:
    """Return the state of a thread: S while it sleeps."""
    return Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rpartition(") ")[2][0]


def _switches(thread: threading.Thread) -> str:
    status = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
    return "".join(line for line in status.splitlines() if "ctxt_switches" in line)


@pytest.mark.parametrize("seed", range(20))
def test_garbage_ends_its_connection_and_nothing_else(tmp_path: Path, seed: int) -> None:
    garbage = random.Random(seed).randbytes(300)
    with listening(tmp_path, Bounds(patience=0.5)) as path, closing(_connected(path)) as client:
        client.sendall(garbage)
        client.settimeout(20)
        while client.recv(4096):  # perhaps words of refusal, then the end
            pass
        assert ask(path, "echo", {}, seconds=10) == {}


@pytest.mark.parametrize("claim", [0, REQUEST_BYTES + 1, 0xFFFFFFFF])
def test_a_frame_that_claims_too_much_is_refused_before_it_comes(tmp_path: Path, claim: int) -> None:
    with listening(tmp_path, Bounds(patience=1000)) as path, closing(_connected(path)) as client:
        client.sendall(struct.pack(">I", claim))
        assert _ended(client)


def test_half_a_frame_is_waited_for_only_so_long(tmp_path: Path) -> None:
    with listening(tmp_path, Bounds(patience=0.3)) as path, closing(_connected(path)) as client:
        client.sendall(struct.pack(">I", 100) + b"x" * 50)
        assert _ended(client)


def test_without_patience_half_a_frame_stays(tmp_path: Path) -> None:
    with listening(tmp_path, Bounds(patience=1000)) as path, closing(_connected(path)) as client:
        client.sendall(struct.pack(">I", 100) + b"x" * 50)
        client.settimeout(1.0)
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_two_hundred_idle_clients_keep_nobody_out_and_take_few_descriptors(tmp_path: Path) -> None:
    with listening(tmp_path, Bounds(silent=16, patience=1000)) as path, ExitStack() as clients:
        before = _descriptors()
        for _ in range(200):
            clients.enter_context(closing(_connected(path)))
        assert ask(path, "echo", {"n": 1}, seconds=10) == {"n": 1}
        wait_until(lambda: _descriptors() - before - 200 <= 16)


def test_without_the_bound_each_idle_client_takes_a_descriptor(tmp_path: Path) -> None:
    with listening(tmp_path, Bounds(silent=10**6, patience=1000)) as path, ExitStack() as clients:
        before = _descriptors()
        for _ in range(60):
            clients.enter_context(closing(_connected(path)))
        assert ask(path, "echo", {"n": 1}, seconds=10) == {"n": 1}
        assert _descriptors() - before >= 120


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_client_that_takes_no_answer_holds_up_nobody(tmp_path: Path) -> None:
    def pour(call: Conversation) -> None:
        if call.request.op == "pour":
            while not call.is_over:
                call.event({"text": "x" * 100_000})
        call.answer(1)

    with listening(tmp_path, serve=pour) as path, ExitStack() as clients:
        for _ in range(4):
            client = clients.enter_context(closing(_connected(path)))
            client.sendall(_request("pour"))
        began = time.monotonic()
        assert ask(path, "echo", {}, seconds=10) == 1
        assert time.monotonic() - began < 5


def test_more_requests_than_are_answered_at_once_are_refused(tmp_path: Path) -> None:
    free = threading.Event()

    def hold(call: Conversation) -> None:
        if call.request.op == "hold":
            free.wait(30)
        call.answer(1)

    with listening(tmp_path, Bounds(active=2), hold) as path, ExitStack() as clients:
        for _ in range(2):
            clients.enter_context(closing(_connected(path))).sendall(_request("hold"))
        wait_until(lambda: _requests() == 2)
        with pytest.raises(ControlError, match="too busy"):
            ask(path, "echo", {}, seconds=10)
        free.set()
        wait_until(lambda: _requests() == 0)
        assert ask(path, "echo", {}, seconds=10) == 1


def _requests() -> int:
    return sum(each.name == "beamlens-control-request" for each in threading.enumerate())


def _request(op: str) -> bytes:
    from beamlens.control.protocol import requests
    from supervision.process.frames import frame

    return frame(requests().encode({"op": op, "args": {}}))


def test_a_request_of_another_form_is_refused_in_words(tmp_path: Path) -> None:
    from beamlens.control.protocol import answers, requests
    from supervision.process.frames import frame

    for wrong in ([1, 2], {"op": "x"}, {"op": 1, "args": {}}, {"op": "x", "args": []}, {"op": "x", "args": {}, "z": 1}):
        with listening(tmp_path) as path, closing(_connected(path)) as client:
            client.sendall(frame(requests().encode(wrong)))
            said: Any = answers().decode(client.recv(4096)[4:])
            assert said["kind"] == "usage"


def test_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(tmp_path) as path:
        own = os.geteuid()
        monkeypatch.setattr("beamlens.control.peer.os.geteuid", lambda: own + 1)
        with closing(_connected(path)) as client:
            with suppress(BrokenPipeError):
                client.sendall(_request("echo"))
            assert _ended(client)
        monkeypatch.undo()
        assert ask(path, "echo", {}, seconds=10) == {}


class _Socket(socket.socket):
    uid = 0

    def getsockopt(self, *_: Any) -> Any:
        return struct.pack("3i", 1, self.uid, 1)


def test_the_kernels_word_on_the_peers_user_decides() -> None:
    with closing(_Socket(socket.AF_UNIX)) as other:
        other.uid = os.geteuid() + 1
        assert not is_own_user(other)
        other.uid = os.geteuid()
        assert is_own_user(other)


def test_stopping_ends_requests_that_are_on(tmp_path: Path) -> None:
    def wait(call: Conversation) -> None:
        wait_until(lambda: call.is_over, 30)

    with listening(tmp_path, serve=wait) as path:
        client = _connected(path)
        client.sendall(_request("wait"))
        wait_until(lambda: _requests() == 1)
    with closing(client):
        assert _ended(client)
