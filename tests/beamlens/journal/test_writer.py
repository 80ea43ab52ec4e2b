"""What a run writes of itself, and that a run which stood there can go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pykka

from beamlens.agent.context import Context
from beamlens.agent.loop import LoopState
from beamlens.domain import Notification, Snapshot
from beamlens.journal.journal import Append
from beamlens.journal.records import Began, Ended
from beamlens.journal.store import JournalStore
from beamlens.journal.writer import JournalWriter, codec, in_a_step, unpack_run
from beamlens.operator.findings import Findings, Gain, restored
from beamlens.operator.messages import Invoke

RUN = "a" * 32
OWNER = "operator:vm"


class Keeper:
    """Stand in for the journal's ref; fail where told to."""

    def __init__(self) -> None:
        self.store = JournalStore()
        self.fails = False

    def tell(self, message: Append) -> None:
        if self.fails:
            raise pykka.ActorDeadError("the journal is being restarted")
        if message.final:
            self.store.finish(message.owner, message.run_id, message.body)
        else:
            self.store.append(message.owner, message.run_id, message.body, anew=message.anew)

    def records(self) -> list[Any]:
        (bodies,) = self.store.unfinished(OWNER)
        return [codec().decode(body) for body in bodies]


def writer() -> tuple[Keeper, JournalWriter]:
    keeper = Keeper()
    made = JournalWriter(keeper, OWNER, RUN)  # type: ignore[arg-type]
    made.began(Invoke(run_id=RUN, reason={"reason": "alert"}), {"reason": "alert"})
    return keeper, made


def state(*texts: str) -> LoopState:
    context = Context()
    for text in texts:
        context = context.with_user(text)
    return LoopState(context, iteration=len(texts))


def gains(number: int) -> Callable[[bool], Gain]:
    def found(everything: bool) -> Gain:
        numbers = range(1, number + 1) if everything else [number]
        return Gain("healthy", tuple(Snapshot({"n": n}, id=f"{n}") for n in numbers), ())

    return found


def test_each_step_writes_what_it_added() -> None:
    keeper, made = writer()
    made.stepped(state("a"), gains(1), 0, {})
    made.stepped(state("a", "b", "c"), gains(2), 0, {"llm": 0.5})
    began, first, second = keeper.records()
    assert isinstance(began, Began)
    assert [len(first.messages), len(second.messages)] == [1, 2]
    assert (second.anew, second.seconds) == (False, {"llm": 0.5})
    _, stands, found, crashes = unpack_run([began, first, second])
    assert (stands, crashes) == (state("a", "b", "c"), 0)
    assert [snapshot.id for gain in found for snapshot in gain.snapshots] == ["1", "2"]


def test_a_shortened_conversation_is_written_whole() -> None:
    keeper, made = writer()
    made.stepped(state("a", "b"), gains(1), 0, {})
    made.stepped(state("summary"), gains(2), 0, {})
    began, second = keeper.records()
    assert second.anew
    found = restored([began, second])
    assert found.loop == state("summary")
    assert [snapshot.id for snapshot in found.snapshots] == ["1", "2"]


def test_after_a_record_that_was_not_kept_the_next_holds_all_there_is() -> None:
    keeper, made = writer()
    made.stepped(state("a"), gains(1), 0, {})
    keeper.fails = True
    made.stepped(state("a", "b"), gains(2), 0, {})
    keeper.fails = False
    made.stepped(state("a", "b", "c"), gains(3), 0, {})
    made.stepped(state("a", "b", "c", "d"), gains(4), 0, {})
    found = restored(keeper.records())
    assert found.loop == state("a", "b", "c", "d")
    assert [snapshot.id for snapshot in found.snapshots] == ["1", "2", "3", "4"]


def test_crashes_are_counted() -> None:
    keeper, made = writer()
    assert restored(keeper.records()).crashes == 1
    made.resumed(1, 42, ())
    assert restored(keeper.records()).crashes == 2
    made.stepped(state("a"), gains(1), 1, {})
    found = restored(keeper.records())
    assert found.crashes == 2
    assert found.run_id == RUN
    assert found.invoke.reason == {"reason": "alert"}


def test_what_was_found_within_a_step_is_there_and_the_model_is_told() -> None:
    keeper, made = writer()
    snapshot = Snapshot({"n": 1})
    made.stepped(state("a"), lambda _: Gain("healthy", (snapshot,), ()), 0, {})
    sent = Notification("vm", "t", "warning", "c", "o", (snapshot,), RUN)
    made.found(Gain("warning", (), (sent,)), 0)
    records = keeper.records()
    assert in_a_step(records)
    found = restored(records)
    assert found.notifications == (sent,)
    assert found.state == "warning"
    assert sent.id in found.loop.context.messages[-1].text
    made.stepped(state("a", "b"), lambda _: Gain("warning", (), ()), 0, {})
    assert not in_a_step(keeper.records())
    assert restored(keeper.records()).loop == state("a", "b")


def test_an_end_too_large_to_be_kept_ends_the_run_all_the_same() -> None:
    keeper, made = writer()
    made.ended("x" * 2**24)
    assert keeper.store.unfinished(OWNER) == []
    body = keeper.store.outcome(RUN)
    assert body is not None
    record = codec().decode(body)
    assert isinstance(record, Ended)
    assert record.outcome is None


def test_where_nobody_keeps_a_journal_nothing_is_written() -> None:
    made = JournalWriter(None, OWNER, RUN)
    made.stepped(state("a"), gains(1), 0, {})
    made.ended("done")


def test_what_a_run_found_fits_into_a_message() -> None:
    large = tuple(Snapshot({"pad": "x" * 2**18}, id=f"{number}") for number in range(60))
    sent = tuple(Notification("vm", "t", "info", "c", f"o{n}", large[n : n + 1], RUN) for n in range(60))
    completion = Findings(Invoke(run_id=RUN), snapshots=large, notifications=sent).completion("vm", "done")
    assert len(codec().encode(completion)) < 7 * 2**20
    assert [found.observation for found in completion.notifications] == [f"o{n}" for n in range(60)]
    assert [found.snapshots[0].id for found in completion.notifications] == [f"{n}" for n in range(60)]
    assert completion.notifications[0].snapshots == large[:1]
    assert "dropped" in completion.notifications[-1].snapshots[0].data
    assert completion.snapshots[-1] == large[-1]
