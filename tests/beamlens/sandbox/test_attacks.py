"""Each attack ends as it must, and a witness says that nothing happened outside; then the next one works."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from beamlens.sandbox import Evaluation, Limits, Sandbox, SandboxServer
from supervision.testing import wait_until
from tests.beamlens.sandbox.attacks import ATTACKS, WITNESS, Attack
from tests.beamlens.sandbox.processes import children_of

_FORMER = {"former": [1, 2]}


@dataclass
class _Record:
    name: str = "n"
    token: str = field(default="secret", repr=False)


@dataclass
class _Witness:
    """Look at what an attack could have changed."""

    folder: Path
    server: SandboxServer
    environment: dict[str, str] = field(default_factory=lambda: _environment())
    descriptors: int = field(default_factory=lambda: len(os.listdir("/proc/self/fd")))

    def nothing_happened(self) -> None:
        """Fail if something did."""
        assert os.listdir(self.folder) == []
        assert _environment() == self.environment
        assert self.server.pid is not None
        pid = self.server.pid
        wait_until(lambda: children_of(pid) == [])
        wait_until(lambda: len(os.listdir("/proc/self/fd")) == self.descriptors)
        assert self.server.is_alive()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@pytest.fixture
def witness(tmp_path: Path, server: SandboxServer) -> _Witness:
    return _Witness(tmp_path, server)


@pytest.fixture
def let_go() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def _raise(error: BaseException) -> object:
    raise error


def _callbacks(let_go: threading.Event) -> dict[str, Callable[..., object]]:
    return {
        "probe": lambda *given: type(given[0]).__name__ if given else "none",
        "raises": lambda: _raise(ValueError("no")),
        "exits": lambda: _raise(SystemExit(3)),
        "interrupts": lambda: _raise(KeyboardInterrupt()),
        "hangs": let_go.wait,
        "gives_module": lambda: sys,
        "gives_file": lambda: sys.__stdout__,
        "record": _Record,
        "tool.fn": lambda *given: 1,
        "string.own": lambda: "own",
    }


def _run(sandbox: Sandbox, attack: Attack, folder: Path, let_go: threading.Event) -> Evaluation:
    code = attack.code.replace(WITNESS, str(folder / "witness"))
    limits = Limits(wall_seconds=1.0, callback_seconds=0.2)
    return sandbox.evaluate(code, _callbacks(let_go), limits=limits, bindings=_FORMER, globals_kept=True)


def _name(attack: Attack) -> str:
    return f"{attack.number:02}-{attack.code[:40]}"


@pytest.mark.parametrize("attack", ATTACKS, ids=_name)
def test_an_attack_changes_nothing(
    sandbox: Sandbox, witness: _Witness, let_go: threading.Event, attack: Attack
) -> None:
    found = _run(sandbox, attack, witness.folder, let_go)
    if attack.kinds:
        assert found.error is not None, found.value
        assert found.error.kind in attack.kinds, found.error
        assert len(found.error.text) <= Limits().error_chars
        assert found.bindings == _FORMER
    else:
        assert found.error is None
        assert attack.any_value or found.value == attack.value
    let_go.set()
    witness.nothing_happened()
    following: Any = sandbox.evaluate("return 6 * 7, former", bindings=_FORMER)
    assert following.value == [42, [1, 2]]


def test_every_class_that_concerns_the_sandbox_is_there() -> None:
    assert {attack.number for attack in ATTACKS} == set(range(1, 55))


def test_the_witness_would_see_it(witness: _Witness, tmp_path: Path) -> None:
    """The negative control: what the attacks try would be noticed."""
    (tmp_path / "witness").touch()
    with pytest.raises(AssertionError):
        witness.nothing_happened()
    (tmp_path / "witness").unlink()
    witness.nothing_happened()


def test_what_is_kept_of_globals_is_plain(sandbox: Sandbox, let_go: threading.Event, tmp_path: Path) -> None:
    kept = {attack.number: _run(sandbox, attack, tmp_path, let_go).bindings for attack in ATTACKS if attack.number > 52}
    assert kept == {53: {**_FORMER, "t": {"x": 1}}, 54: {**_FORMER, "good": 1}}
