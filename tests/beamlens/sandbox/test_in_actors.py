"""The sandbox as operators use it: from actors in processes of their own, with callbacks that ask other actors."""

from __future__ import annotations

import os
from typing import Any

from beamlens.sandbox import Evaluation, Limits, Sandbox, SandboxServer
from supervision import ProcessActor, Ref
from supervision.testing import wait_until
from tests.beamlens.sandbox.processes import children_of, cpu_ticks


class Source(ProcessActor):
    """Answer with what it was asked, and who it is."""

    def on_receive(self, message: Any) -> Any:
        return {"asked": message, "pid": os.getpid()}


class Thinker(ProcessActor):
    """Evaluate what it is told, with a callback that asks a source."""

    def __init__(self, address: str, source: Ref) -> None:
        super().__init__()
        self._sandbox = Sandbox(address, Limits(wall_seconds=50.0, instructions=1 << 50))
        self._source = source

    def on_receive(self, message: str) -> Evaluation:
        return self._sandbox.evaluate(message, {"ask": lambda word: self._source.ask(word, timeout=10)})


def test_a_callback_asks_another_actor(server: SandboxServer) -> None:
    source = Source.start()
    thinker = Thinker.start(server.address, source)
    try:
        found = thinker.ask("return ask('how'), ask('why').asked", timeout=30)
        assert found.error is None
        assert found.value == [{"asked": "how", "pid": source.pid}, "why"]
        failing = thinker.ask("return x.y", timeout=30)
        assert failing.error.kind == "runtime"
    finally:
        thinker.stop()
        source.stop()


def test_a_killed_actor_takes_its_sandbox_with_it(server: SandboxServer) -> None:
    assert server.pid is not None
    pid = server.pid
    source = Source.start()
    thinker = Thinker.start(server.address, source)
    try:
        thinker.tell("while true do pcall(string.rep, 'x', 1) end")
        (child,) = wait_until(lambda: children_of(pid))
        wait_until(lambda: cpu_ticks(child) > 2)
        assert thinker.pid is not None
        os.kill(thinker.pid, 9)
        wait_until(lambda: children_of(pid) == [])
    finally:
        thinker.stop()
        source.stop()
