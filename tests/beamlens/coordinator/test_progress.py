"""Where a run of the coordinator stands, as a value."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from beamlens.agent.loop import LoopState
from beamlens.coordinator.messages import Investigate
from beamlens.coordinator.progress import Progress, restored
from beamlens.domain import Completion, Insight, Notification, Snapshot
from beamlens.journal.records import Began, Found, Stepped
from supervision.process.wire import Codec, Limits
from tests.beamlens.coordinator.roles import RUN, note

NOTES = [note("alpha", f"{number}", f"{number}") for number in range(4)]
ASKED = Investigate(run_id=RUN)
ORDER = ["unread", "acknowledged", "resolved"]


@given(
    st.lists(st.tuples(st.sampled_from(["told", "ended", "acknowledged", "insight"]), st.integers(0, 3)), max_size=12)
)
def test_whatever_is_reported_in_whatever_order_no_status_goes_back(events: list[tuple[str, int]]) -> None:
    progress = Progress(ASKED).started("alpha", "1" * 32).started("alpha", "2" * 32)
    for number, (what, which) in enumerate(events):
        before = {entry.notification.id: entry.status for entry in progress.inbox}
        found = NOTES[which]
        if what == "told":
            progress = progress.with_notifications(found)
        elif what == "ended":
            run = f"{1 + number % 2}" * 32
            progress = progress.finished(Completion("alpha", "done", notifications=(found,), trace_id=run))
        elif what == "insight" and found.id in before:
            progress = progress.with_insight(Insight((found.id,), "causal", "s", (), False, "low"))
        elif what == "acknowledged" and before.get(found.id) == "unread":
            progress = progress.with_status({found.id}, "acknowledged")
        after = {entry.notification.id: entry.status for entry in progress.inbox}
        assert all(ORDER.index(after[each]) >= ORDER.index(status) for each, status in before.items())
        assert len(after) == len(progress.inbox)


def test_the_answer_is_never_empty() -> None:
    empty = Progress(ASKED)
    assert empty.outcome("done").answer == "Nothing unusual was found. Looked: nobody."
    assert "no key" in empty.outcome("llm_failed", "no key").answer
    assert "it is 6" in empty.with_notifications(note("alpha", "it is 6")).outcome("deadline", "late").answer
    looked = empty.started("alpha", "1" * 32).finished(Completion("alpha", "done", trace_id="1" * 32))
    assert looked.outcome("done").answer == "Nothing unusual was found. Looked: alpha."
    failed = empty.started("beta", "1" * 32).finished(
        Completion("beta", "llm_failed", trace_id="1" * 32, reason="no key")
    )
    assert (
        failed.outcome("done").answer == "Nothing unusual was found. Looked: nobody. beta ended as llm_failed: no key."
    )


def test_its_size_is_bounded_and_no_finding_is_lost() -> None:
    large = [replace(note("alpha", f"o{n}"), snapshots=(Snapshot({"pad": "x" * 2**18}),)) for n in range(60)]
    progress = Progress(ASKED)
    for number, each in enumerate(large):
        progress = progress.started("alpha", f"{number:032x}")
        progress = progress.finished(Completion("alpha", "done", notifications=(each,), trace_id=f"{number:032x}"))
    outcome = progress.outcome("done")
    assert len(Codec(Limits()).encode(outcome)) < 6 * 2**20
    assert [found.observation for found in outcome.notifications] == [f"o{n}" for n in range(60)]
    assert outcome.notifications[0].snapshots == large[0].snapshots
    assert all(isinstance(found, Notification) for result in outcome.operator_results for found in result.notifications)


def test_after_a_crash_it_stands_where_it_stood() -> None:
    found = note("alpha", "a")
    insight = Insight((found.id,), "causal", "s", (), False, "low")
    first = Progress(ASKED).with_notifications(found)
    second = first.with_insight(insight)
    began = Began("coordinator", RUN, ASKED, 0.0)
    stepped = Stepped(0.0, LoopState(iteration=1), (), False, first)
    stands = restored([began, stepped, Found(0.0, second)])
    assert stands.insights == (insight,)
    assert (stands.crashes, stands.loop.iteration) == (1, 1)
    assert insight.id in stands.loop.context.messages[-1].text  # the model is told what it has done
    assert restored([began]).asked == ASKED
    asked = Investigate(run_id=RUN, notifications=(found,))
    assert restored([Began("coordinator", RUN, asked, 0.0)]).ids == [found.id]
