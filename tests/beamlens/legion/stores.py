"""What every store must do; run for SQLite and for PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from beamlens.legion import Policy, Rule
from beamlens.legion.store.store import Checkpoint, Claim, Lost, Refused

DAY = 24 * 3600.0

Open = Callable[[], Any]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def claim(agent_id: str = "a", owner: str = "me", agent: str = "m:A", **more: Any) -> Claim:
    return Claim(agent_id=agent_id, agent=agent, owner=owner, seconds=10.0, **more)


class StoreContract:
    """The tests; a subclass has the fixtures `store` and `clock`."""

    def test_nothing_is_known_of_a_new_agent(self, store: Any) -> None:
        assert store.load("a") is None
        assert store.agents() == []
        with pytest.raises(LookupError):
            store.save(Checkpoint(agent_id="a", status="idle", body=b""))

    def test_keeps_what_was_saved(self, store: Any) -> None:
        assert store.claim(claim()) is None
        store.save(Checkpoint(agent_id="a", status="running", body=b"\0one", messages=(b"m0", b"m1")))
        store.save(Checkpoint(agent_id="a", status="idle", body=b"two", first=1, messages=(b"n1", b"n2")))
        saved = store.load("a")
        assert (saved.agent, saved.status, saved.body) == ("m:A", "idle", b"two")
        assert saved.messages == (b"m0", b"n1", b"n2")

    def test_waiting_calls_go_when_they_are_taken(self, store: Any) -> None:
        store.claim(claim())
        store.accept("a", "1", b"one")
        store.accept("a", "1", b"one again")
        store.accept("a", "2", b"two")
        assert set(store.load("a").waiting) == {b"one again", b"two"}
        store.save(Checkpoint(agent_id="a", status="running", body=b"", taken="1"))
        assert store.load("a").waiting == (b"two",)

    def test_another_program_may_not_have_it_until_the_claim_ends(self, store: Any, clock: Clock) -> None:
        assert store.claim(claim()) is None
        refused = store.claim(claim(owner="other"))
        assert isinstance(refused, Refused)
        assert refused.reason == "already_started"
        clock.now += 9
        store.renew("me", 10.0)
        clock.now += 9
        assert store.claim(claim(owner="other")) is not None
        clock.now += 2
        assert store.claim(claim(owner="other")) is None
        assert store.claim(claim()) is not None

    def test_a_released_agent_is_free_and_others_cannot_release(self, store: Any) -> None:
        store.claim(claim())
        store.release("a", "other")
        assert store.claim(claim(owner="other")) is not None
        store.release("a", "me")
        assert store.claim(claim(owner="other")) is None

    def test_who_has_lost_an_agent_saves_nothing_over_the_new_owner(self, store: Any, clock: Clock) -> None:
        store.claim(claim())
        mine = Checkpoint(agent_id="a", status="running", body=b"mine", messages=(b"m0",), owner="me")
        assert store.save(mine) is None
        clock.now += 11
        assert store.claim(claim(owner="other")) is None
        assert store.save(mine) == Lost("a", "other")
        assert store.save(Checkpoint(agent_id="a", status="idle", body=b"theirs", owner="other")) is None
        store.release("a", "other")
        assert store.save(mine) == Lost("a", None)
        saved = store.load("a")
        assert (saved.body, saved.status, saved.owner) == (b"theirs", "idle", None)

    def test_an_agent_keeps_its_class(self, store: Any) -> None:
        store.claim(claim())
        assert store.claim(claim(agent="m:B")).reason == "agent_mismatch"

    def test_forgets(self, store: Any) -> None:
        store.claim(claim())
        store.forget("a")
        assert store.agents() == []

    def test_limits_count_an_identity_in_a_window(self, store: Any, clock: Clock) -> None:
        ann = Rule({"user": "ann"}, Policy(window_seconds=60, max_evals=2, max_tokens=100, max_money=1.0))
        store.claim(claim("a", rules=(ann,)))
        store.claim(claim("b", rules=(Rule({"user": "bob"}, ann.policy),)))
        store.spend("b", 500, 9.0)
        for _ in range(2):
            assert store.admit("a", [ann], "eval") == ()
        (violation,) = store.admit("a", [ann], "eval")
        assert violation.limits == ("max_evals",)
        assert violation.used.evals == 2
        assert store.admit("a", [ann], "request") == ()
        store.spend("a", 100, 2.0)
        assert store.admit("a", [ann], "request")[0].limits == ("max_tokens", "max_money")
        everybody = Rule({}, Policy(window_seconds=60, max_tokens=550))
        assert store.admit("a", [everybody], "request")[0].used.tokens == 600
        clock.now += 61
        assert store.admit("a", [ann, everybody], "turn") == ()

    def test_what_was_used_is_removed_when_no_window_reaches_it(self, store: Any, clock: Clock) -> None:
        rule = Rule({}, Policy(window_seconds=60, max_tokens=10_000))
        month = Rule({}, Policy(window_seconds=30 * DAY, max_tokens=10_000))
        store.claim(claim(rules=(rule,)))
        store.spend("a", 100, 0.0)
        clock.now += 6 * DAY
        assert store.admit("a", [rule], "turn") == ()
        assert self.usage(store) == 100  # a longer window may still come
        clock.now += 2 * DAY
        assert store.admit("a", [rule], "turn") == ()
        assert self.usage(store) == 0
        store.spend("a", 70, 0.0)
        assert store.admit("a", [month], "turn") == ()
        clock.now += 20 * DAY
        assert store.admit("a", [rule], "turn") == ()
        assert self.usage(store) == 70  # as long as the longest window that a rule ever had
        clock.now += 20 * DAY
        store.claim(claim("b"))
        assert self.usage(store) == 0

    @staticmethod
    def usage(store: Any) -> int:
        """Return the tokens of all rows that there are."""
        with store.transaction() as cursor:
            return int(cursor.execute("SELECT COALESCE(SUM(tokens), 0) FROM legion_usage").fetchone()[0])

    def test_limits_count_agents_and_turns(self, store: Any, clock: Clock) -> None:
        rule = Rule({"user": 'it\'s "ann"'}, Policy(window_seconds=60, max_agents=2, max_running_agents=1))
        assert store.claim(claim("a", rules=(rule,))) is None
        assert store.claim(claim("b", rules=(rule,))) is None
        assert store.claim(claim("c", rules=(rule,))).reason == "rate_limited"
        assert store.claim(claim("a", rules=(rule,))) is None  # no new one
        assert store.admit("a", [rule], "turn") == ()
        assert store.admit("a", [rule], "turn") == ()
        assert store.admit("b", [rule], "turn")[0].limits == ("max_running_agents",)
        store.save(Checkpoint(agent_id="a", status="idle", body=b""))
        assert store.admit("b", [rule], "turn") == ()
        clock.now += 11  # its program is gone
        assert store.admit("a", [rule], "turn") == ()
