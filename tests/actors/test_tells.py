"""Streams of tells to real actors: handled one by one, however many came in one frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from supervision import ActorDown, Down, MessageError, ProcessActor, monitor
from supervision.testing import wait_until
from tests.actors.helpers import SECONDS


class Keeper(ProcessActor):
    """Keep what it is told; do what a few messages name."""

    def __init__(self, mark: str = "") -> None:
        super().__init__()
        self.heard: list[Any] = []
        self.mark = mark

    def on_receive(self, message: Any) -> Any:
        if message == "all":
            return self.heard
        if message == "fail":
            raise LookupError("as it was told")
        if message == "stop":
            self.stop()
        if message == "timer":
            self.send_after(0, "due")
        if message == "to itself":
            self.actor_ref.tell("from itself")
        if message == "exit":
            raise SystemExit(3)
        self.heard.append(message)
        return None

    def on_failure(self, *_: Any) -> None:
        self._leave_a_mark()

    def on_stop(self) -> None:
        self._leave_a_mark()

    def _leave_a_mark(self) -> None:
        if self.mark:
            Path(self.mark).write_text(repr(self.heard))


NUMBERS = list(range(2000))


def test_a_stream_arrives_in_order_and_an_ask_behind_it() -> None:
    ref = Keeper.start()
    for number in NUMBERS:
        ref.tell(number)
    assert ref.ask("all", timeout=SECONDS) == NUMBERS
    assert ref.stop()


@pytest.mark.parametrize("end", ["fail", "exit"])
def test_what_comes_behind_an_end_in_the_same_frame_is_not_handled(tmp_path: Path, end: str) -> None:
    mark = tmp_path / "mark"
    ref = Keeper.start(str(mark))
    downs: list[Down] = []
    monitor(ref, downs.append)
    for message in (*NUMBERS, end, *NUMBERS):
        ref.tell(message)
    with pytest.raises(ActorDown):
        ref.ask("all", timeout=SECONDS)
    wait_until(lambda: downs)
    assert downs[0].reason.term() == (("LookupError", "as it was told") if end == "fail" else ("exit_status", 3))
    assert mark.read_text() == repr(NUMBERS)


def test_a_stop_of_its_own_comes_behind_what_is_there(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    ref = Keeper.start(str(mark))
    for message in ("stop", *NUMBERS[:5]):
        ref.tell(message)
    wait_until(lambda: not ref.is_alive() and mark.exists())
    heard = eval(mark.read_text())
    assert heard == ["stop", *NUMBERS[: len(heard) - 1]]


def test_timers_fire_between_the_messages_of_a_stream() -> None:
    ref = Keeper.start()
    for _ in range(5):  # so that what follows is gathered
        ref.tell("before")
    for message in ("timer", *NUMBERS):
        ref.tell(message)
    heard = ref.ask("all", timeout=SECONDS)
    assert [each for each in heard if isinstance(each, int)] == NUMBERS
    assert heard.index("due") < heard.index(NUMBERS[-1])
    assert ref.stop()


def test_what_it_tells_itself_comes_behind_what_is_there() -> None:
    ref = Keeper.start()
    for message in (*NUMBERS, "to itself"):
        ref.tell(message)
    assert wait_until(lambda: ref.ask("all", timeout=SECONDS)[-1] == "from itself")
    assert ref.ask("all", timeout=SECONDS) == [*NUMBERS, "to itself", "from itself"]
    assert ref.stop()


def test_a_message_that_is_refused_in_a_stream_is_refused_in_its_own_tell() -> None:
    ref = Keeper.start()
    for number in NUMBERS:
        if number % 100 == 50:
            with pytest.raises(MessageError) as caught:
                ref.tell({"numbers": [number, {None: number}]})
            assert caught.value.path == "message['numbers'][1][None]"
        ref.tell(number)
    assert ref.ask("all", timeout=SECONDS) == NUMBERS
    assert ref.stop()


def test_proxies_and_values_travel_in_a_stream() -> None:
    ref = Keeper.start()
    proxy = ref.proxy()
    for number in NUMBERS[:300]:
        ref.tell((number, {"ref": ref}))
        proxy.mark = str(number)
    heard = ref.ask("all", timeout=SECONDS)
    assert heard == [(number, {"ref": ref}) for number in NUMBERS[:300]]
    assert proxy.mark.get(timeout=SECONDS) == "299"
    assert ref.stop()
