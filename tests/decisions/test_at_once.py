"""What is decided before the reason of a death is known is what would be decided afterwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervision import decisions
from supervision.decisions.at_once import restart_at_once
from supervision.exits import KILLED, NORMAL, SHUTDOWN, ExitReason, crash, shutdown
from supervision.spec import Backoff

REASONS = [NORMAL, SHUTDOWN, shutdown("x"), KILLED, crash("boom"), ExitReason("signal", "SIGSEGV")]


def running(strategy: str, specs: list[dict[str, object]], intensity: int) -> decisions.State:
    """Return a supervisor whose children all run."""
    flags = {"strategy": strategy, "intensity": intensity, "period": 5}
    state, actions = decisions.step(decisions.initial(flags, specs), decisions.Boot(), 0.0)
    for number in range(len(specs)):
        start = next(action for action in actions if isinstance(action, decisions.Start))
        state, actions = decisions.step(state, decisions.Started(start.key, f"pid{number}"), 0.0)
    return state


def spec(name: str, **fields: object) -> dict[str, object]:
    """Return a specification."""
    return {"id": name, "start": (print, (), {}), **fields}


@given(
    strategy=st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"]),
    restarts=st.lists(st.sampled_from(["permanent", "transient", "temporary"]), min_size=1, max_size=4),
    extension=st.sampled_from([{}, {"backoff": Backoff()}, {"healthy_after": 1.0}]),
    intensity=st.integers(0, 3),
    deaths=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(REASONS), st.floats(0.0, 3.0)), max_size=8),
)
def test_it_equals_the_step(
    strategy: str,
    restarts: list[str],
    extension: dict[str, object],
    intensity: int,
    deaths: list[tuple[int, ExitReason, float]],
) -> None:
    """For every state and reason: the same state, the same report, the same start; or it leaves it to `step`."""
    state = running(strategy, [spec(f"c{n}", restart=kind, **extension) for n, kind in enumerate(restarts)], intensity)
    now, lives = 0.0, 100
    for which, reason, later in deaths:
        now += later
        child = state.children.get(f"c{which}")
        if child is None or child.status != "up":
            continue
        early = restart_at_once(state, child.key, child.pid, now)
        state, actions = decisions.step(state, decisions.Exited(child.key, child.pid, reason), now)
        if early is not None:
            assert early.state == state
            assert (early.report(reason), early.start) == actions
        lives += 1
        for action in actions:
            if isinstance(action, decisions.Start):
                state, _ = decisions.step(state, decisions.Started(action.key, f"pid{lives}"), now)
        if state.finished or state.busy:
            return


@pytest.mark.parametrize("fields", [{"restart": "transient"}, {"restart": "temporary"}, {"healthy_after": 1.0}])
def test_it_leaves_to_the_step_what_the_reason_decides(fields: dict[str, object]) -> None:
    """A transient or temporary child, or one with extensions, waits for the reason."""
    state = running("one_for_one", [spec("a", **fields)], 3)
    assert restart_at_once(state, "a", "pid0", 0.0) is None


def test_it_leaves_the_last_straw_to_the_step() -> None:
    """A supervisor that is to give up does so with the reason in its report."""
    state = running("one_for_one", [spec("a")], 0)
    assert restart_at_once(state, "a", "pid0", 0.0) is None
    _, actions = decisions.step(state, decisions.Exited("a", "pid0", KILLED), 0.0)
    assert isinstance(actions[-1], decisions.Finished)


def test_a_permanent_child_is_restarted_at_once() -> None:
    """The control: it does decide where it can."""
    state = running("one_for_one", [spec("a")], 3)
    early = restart_at_once(state, "a", "pid0", 0.0)
    assert early is not None
    assert early.start.key == "a"
    assert restart_at_once(early.state, "a", "pid0", 0.0) is None
