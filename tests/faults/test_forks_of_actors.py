"""`os.fork()` in an actor: what its copy does, the actor does not do, whether it returns, raises or ends."""

from __future__ import annotations

import os
from typing import Any

import pytest

from supervision import Down, ProcessActor, monitor
from supervision.process import child_process
from supervision.testing import wait_until
from tests.faults.helpers import own_runtime


class Forks(ProcessActor):
    """Fork, and have the copy do what a message says; ask `("reap",)` for how it ended."""

    copy = 0

    def on_receive(self, message: Any) -> Any:
        name, *args = message
        return getattr(self, f"do_{name}")(*args)

    def do_fork(self, how: str) -> int:
        self.copy = os.fork()
        if self.copy == 0:
            getattr(self, f"do_{how}")()
        return self.copy

    def do_reap(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.copy, 0)[1])

    def do_echo(self, value: object) -> object:
        return value

    def do_return(self) -> None:
        """Go on as if it were the actor."""

    def do_exit_well(self) -> None:
        raise SystemExit(0)

    def do_exit_with_7(self) -> None:
        raise SystemExit(7)

    def do_exit_with_a_text(self) -> None:
        raise SystemExit("no")

    def do_exit_as_an_actor(self) -> None:
        self.exit()

    def do_raise(self) -> None:
        raise ValueError("in the copy")

    def do_interrupt(self) -> None:
        raise KeyboardInterrupt

    def do_leave(self) -> None:
        os._exit(9)

    def do_tell(self) -> None:
        self.actor_ref.following().tell(("echo", 1))


ENDINGS = {
    "return": 1,
    "exit_well": 0,
    "exit_with_7": 7,
    "exit_with_a_text": 1,
    "exit_as_an_actor": 1,
    "raise": 1,
    "interrupt": 1,
    "leave": 9,
    "tell": 1,
}


@pytest.mark.parametrize("how", ENDINGS)
@pytest.mark.parametrize("asked", [True, False], ids=["asked", "told"])
def test_the_actor_answers_for_itself_and_lives_on(how: str, asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "_LEAVE_SECONDS", 0.1)  # what it would be given to end, had it said goodbye
    ref = Forks.start()
    told: list[Down] = []
    monitor(ref, told.append)
    if asked:
        assert ref.ask(("fork", how), timeout=20) > 0
    else:
        ref.tell(("fork", how))
    assert ref.ask(("reap",), timeout=20) == ENDINGS[how]
    assert [ref.ask(("echo", n), timeout=20) for n in range(50)] == list(range(50))
    with pytest.raises(TimeoutError):
        wait_until(lambda: told, timeout=0.3)
    assert ref.stop()


def test_with_the_socket_left_to_it_a_copy_that_ends_would_end_the_actor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "_LEAVE_SECONDS", 0.1)
    with own_runtime(spares=0, preload=("tests.faults.sabotage.shared_socket",)):
        ref = Forks.start()
        ref.tell(("fork", "exit_well"))
        wait_until(lambda: not ref.is_alive())
