"""What counts as a wait for a processor: a thread's own, and that of who holds the interpreter lock meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from beamlens.skills.interpreter import starvation
from beamlens.skills.interpreter.starvation import Starvation

_LOOP, _HOLDER = 11, 22


class _Kernel:
    """Says what the kernel would."""

    def __init__(self) -> None:
        self.delays = {_LOOP: 5.0, _HOLDER: 7.0}
        self.used = 3.0
        self.call: str | None = "futex"


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> _Kernel:
    kernel = _Kernel()
    answers: dict[str, Callable[[int], object]] = {
        "thread_delay_seconds": lambda native_id: kernel.delays[native_id],
        "thread_cpu_ns": lambda _native_id: int(kernel.used * 1e9),
        "thread_syscall": lambda _native_id: kernel.call,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(starvation, name, answer)
    return kernel


@pytest.mark.parametrize(
    ("own", "holder", "used", "call", "expected"),
    [
        (0.0, 0.0, 0.0, "futex", 0.0),
        (0.4, 0.0, 0.0, "futex", 0.4),
        (0.0, 0.8, 0.0, "futex", 0.8),
        (0.3, 0.8, 0.0, "futex", 1.0),
        (0.0, 0.8, 0.9, "futex", 0.1),
        (0.0, 0.8, 0.0, "clock_nanosleep", 0.0),
        (0.0, 0.8, 0.0, None, 0.8),
        (2.0, 0.0, 0.0, "futex", 1.0),
    ],
    ids=[
        "nobody waits",
        "the thread itself",
        "who holds the lock",
        "both",
        "it runs all the time",
        "it sleeps by itself",
        "the kernel does not say",
        "no more than there was",
    ],
)
def test_a_second_is_taken_apart(
    kernel: _Kernel, own: float, holder: float, used: float, call: str | None, expected: float
) -> None:
    found = Starvation(_LOOP)
    kernel.call = call
    found.look([_LOOP, _HOLDER])
    kernel.delays = {_LOOP: 5.0 + own, _HOLDER: 7.0 + holder}
    kernel.used += used
    assert found.seconds(1.0) == pytest.approx(expected)


def test_as_long_as_all_is_well_nobody_else_is_asked_for(kernel: _Kernel) -> None:
    found = Starvation(_LOOP)
    del kernel.delays[_HOLDER]
    kernel.delays[_LOOP] += 0.25
    assert found.seconds(1.0) == pytest.approx(0.25)
