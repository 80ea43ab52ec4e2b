"""Two hundred hostile programs in a row leave no process, descriptor or growing memory behind."""

from __future__ import annotations

import gc
import os
from itertools import cycle, islice

import pytest

from beamlens.sandbox import Limits, Sandbox, SandboxServer
from supervision.testing import wait_until
from tests.beamlens.sandbox.attacks import ATTACKS, WITNESS
from tests.beamlens.sandbox.processes import children_of, resident_bytes

_PROGRAMS = [attack.code.replace(WITNESS, "/nonexistent/witness") for attack in ATTACKS if attack.kinds]
_MEBIBYTE = 1 << 20


def _run(sandbox: Sandbox, count: int) -> None:
    limits = Limits(wall_seconds=0.3, callback_calls=20)
    callbacks = {"probe": lambda *_: None, "tool.fn": lambda *_: None, "string.own": lambda: None}
    for code in islice(cycle(_PROGRAMS), count):
        found = sandbox.evaluate(code, callbacks, limits=limits, globals_kept=True)
        assert found.error is not None, code


@pytest.mark.slow
def test_two_hundred_hostile_programs_leave_nothing() -> None:
    with SandboxServer.start() as server:
        pid = server.pid
        assert pid is not None
        sandbox = Sandbox(server.address)
        _run(sandbox, 40)
        wait_until(lambda: children_of(pid) == [])
        gc.collect()
        before = resident_bytes(pid), resident_bytes(os.getpid()), len(os.listdir(f"/proc/{pid}/fd"))
        descriptors = len(os.listdir("/proc/self/fd"))
        _run(sandbox, 200)
        wait_until(lambda: children_of(pid) == [])
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) == descriptors
        assert len(os.listdir(f"/proc/{pid}/fd")) == before[2]
        assert resident_bytes(pid) - before[0] < _MEBIBYTE
        assert resident_bytes(os.getpid()) - before[1] < 8 * _MEBIBYTE
        assert server.is_alive()
        assert sandbox.evaluate("return 42").value == 42
