"""Findings put together: by entities, by the table of causes, by time."""

from __future__ import annotations

from graphlib import TopologicalSorter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamlens.llm.rules.causes import CAUSES, EFFECTS, SYMPTOMS, effects_between, hidden_causes, key_of
from beamlens.llm.rules.correlate import correlate, is_noise
from beamlens.llm.rules.insights import confidence, insight
from tests.beamlens.llm.rules.notices import notice, told

DECLARED = """
memory_leak cache_growth fragmentation native_memory gc_pressure thread_leak task_leak lock_over_io lock_contention
deadlock loop_blocked cpu_bound gil_contention exception_storm log_storm fd_leak socket_leak slow_query n_plus_one
pool_exhausted slow_dependency overload disk_full memory_limit cpu_limit crash_loop restart_storm config_change
"""


def test_the_table_knows_every_key_that_checks_may_name() -> None:
    assert set(DECLARED.split()) <= set(CAUSES)
    assert {row.cause for row in EFFECTS} | {row.effect for row in EFFECTS} == set(CAUSES)
    assert set(CAUSES) >= SYMPTOMS


def test_the_table_has_no_circle_and_no_row_twice() -> None:
    graph: dict[str, set[str]] = {}
    for row in EFFECTS:
        graph.setdefault(row.effect, set()).add(row.cause)
    list(TopologicalSorter(graph).static_order())
    assert len({(row.cause, row.effect) for row in EFFECTS}) == len(EFFECTS)


def test_a_way_through_the_table() -> None:
    [direct] = effects_between("lock_over_io", "lock_contention")
    assert direct.because.startswith("whoever needs the lock waits")
    assert [row.effect for row in effects_between("cache_growth", "loop_blocked")] == ["gc_pressure", "loop_blocked"]
    assert effects_between("slow_requests", "deadlock") == ()
    assert key_of(None, "slow_requests") == "slow_requests"
    assert key_of("nonsense", "nonsense") is None
    assert hidden_causes("errors", "log_storm") == ("exception_storm",)
    assert hidden_causes("lock_over_io", "exception_storm") == ()


def test_the_chain_of_a_lock_is_put_in_the_order_of_the_table() -> None:
    [group] = correlate(
        told(
            notice("http", "slow_requests", number=1, severity="critical"),
            notice("asyncio", "lag", number=2, cause="loop_blocked"),
            notice("locks", "waits", number=3, cause="lock_contention"),
            notice("locks", "held", number=4, cause="lock_over_io", confirmed=True),
        )
    )
    assert [one.key for one in group.told] == ["lock_over_io", "lock_contention", "loop_blocked", "slow_requests"]
    assert (group.kind, confidence(group)) == ("causal", "high")


def test_a_shared_entity_joins_and_gives_confidence() -> None:
    notices = [
        notice("vm", "growth", number=1, entities=("shop.cache",), confirmed=True),
        notice("caches", "large", number=2, entities=("shop.cache", "other")),
    ]
    [group] = correlate(told(*notices))
    assert (group.kind, group.shared, confidence(group)) == ("symptomatic", ("shop.cache",), "high")
    assert insight(group)["hypothesis_grounded"]
    unconfirmed = correlate(told(notice("vm", "growth", number=1, entities=("shop.cache",)), notices[1]))
    assert [confidence(group) for group in unconfirmed] == ["low"]


def test_names_that_all_share_join_nothing() -> None:
    groups = correlate(
        told(
            notice("vm", "a", number=1, entities=("host:1", "host", "12", "x"), cause="cache_growth"),
            notice("sql", "b", number=2, entities=("host:1", "host", "12", "x"), cause="slow_query"),
        )
    )
    assert len(groups) == 2


def test_a_common_cause_that_was_not_seen_is_said_as_a_guess() -> None:
    [group] = correlate(told(notice("http", "errors", number=1), notice("logger", "log", number=2, cause="log_storm")))
    assert (group.kind, group.hidden, confidence(group)) == ("symptomatic", "exception_storm", "low")
    assert "may be exception_storm" in insight(group)["root_cause_hypothesis"]


def test_time_joins_only_what_no_table_knows() -> None:
    one, other = notice("vm", "odd", number=1, at=0), notice("gc", "strange", number=2, at=20)
    [group] = correlate(told(one, other))
    assert (group.kind, confidence(group), insight(group)["hypothesis_grounded"]) == ("temporal", "low", False)
    assert "root_cause_hypothesis" not in insight(group)
    assert len(correlate(told(one, notice("gc", "strange", number=2, at=60)))) == 2
    assert len(correlate(told(one, notice("vm", "strange", number=2, at=1)))) == 2


def test_findings_of_two_processes_or_far_apart_are_not_joined_by_a_cause() -> None:
    lock = notice("vm", "a", number=1, cause="lock_over_io")
    assert len(correlate(told(lock, notice("http", "slow_requests", number=2, node="host:2")))) == 2
    assert len(correlate(told(lock, notice("http", "slow_requests", number=2, at=3600)))) == 2
    assert len(correlate(told(lock, notice("http", "slow_requests", number=2, at=60)))) == 1


def test_the_same_cause_seen_by_two_is_one_story() -> None:
    [group] = correlate(
        told(
            notice("vm", "a", number=1, cause="thread_leak"),
            notice("sup", "b", number=2, cause="thread_leak", confirmed=True),
        )
    )
    assert (group.kind, group.root.operator) == ("symptomatic", "sup")
    assert len(correlate(told(*[notice("vm", "a", number=1, cause="thread_leak")] * 2))) == 1


def test_what_matters_most_comes_first() -> None:
    groups = correlate(
        told(
            notice("gc", "note", number=1, severity="info", at=0),
            notice("vm", "leak", number=2, cause="cache_growth", at=1),
            notice("sql", "query", number=3, cause="slow_query", severity="critical", at=2),
        )
    )
    assert [group.root.operator for group in groups] == ["sql", "vm", "gc"]
    assert [is_noise(group) for group in groups] == [False, False, True]


def test_one_finding_alone_is_worth_no_more_than_it_is() -> None:
    [group] = correlate(told(notice("vm", "growth", cause="cache_growth", confirmed=True)))
    told_so = insight(group)
    assert (told_so["confidence"], told_so["hypothesis_grounded"]) == ("medium", False)
    assert told_so["correlation_type"] == "temporal"


notices = st.lists(
    st.builds(
        notice,
        st.sampled_from(["vm", "gc", "sql"]),
        st.sampled_from(["slow_requests", "odd", "strange"]),
        severity=st.sampled_from(["info", "warning", "critical"]),
        cause=st.none() | st.sampled_from([*CAUSES, "unheard_of"]),
        entities=st.lists(st.sampled_from(["a.py:1", "b.py:2", "c.py:3"]), max_size=2).map(tuple),
        confirmed=st.booleans(),
        at=st.floats(0, 1000),
        number=st.integers(1, 10**6),
    ),
    max_size=8,
    unique_by=lambda one: one.id,
)


@given(notices, st.randoms(use_true_random=False))
def test_each_finding_is_in_one_group_whatever_the_order(given_notices: list, shuffled: object) -> None:  # type: ignore[type-arg]
    groups = correlate(told(*given_notices))
    assert sorted(number for group in groups for number in group.ids) == sorted(one.id for one in given_notices)
    other = list(given_notices)
    shuffled.shuffle(other)  # type: ignore[attr-defined]
    assert [group.ids for group in correlate(told(*other))] == [group.ids for group in groups]


@given(notices)
def test_no_insight_claims_more_than_it_has(given_notices: list) -> None:  # type: ignore[type-arg]
    observations = {one.observation for one in given_notices}
    for group in correlate(told(*given_notices)):
        said = insight(group)
        assert set(said["matched_observations"]) <= observations
        assert not said["hypothesis_grounded"] or len(group.operators) >= 2
        assert said["confidence"] != "high" or len(group.operators) >= 2
        for place, one in enumerate(group.told):
            assert not any(
                one.key and later.key and effects_between(later.key, one.key) for later in group.told[place + 1 :]
            )


@pytest.mark.parametrize("junk", [None, 5, [None], [{"id": ""}], [{"id": "1", "entities": None, "detected_at": "?"}]])
def test_strange_notifications_raise_nothing(junk: object) -> None:
    from beamlens.llm.rules.told import told_of

    for group in correlate(told_of(junk)):
        insight(group)
