"""Properties of the state machine over random scenarios and random events."""

from __future__ import annotations

from collections import Counter
from random import SystemRandom
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supervision.decisions import (
    Answer,
    Boot,
    Call,
    CountChildren,
    DeleteChild,
    Event,
    Exited,
    Finished,
    GetChildSpec,
    Ignored,
    Mode,
    Request,
    RestartChild,
    Retry,
    SendSelf,
    SetTimer,
    Start,
    StartChild,
    Started,
    StartFailed,
    State,
    Stop,
    StopSupervisor,
    TerminateChild,
    TimerFired,
    WhichChildren,
    initial,
    step,
)
from supervision.decisions.state import Ending, RollingBack
from supervision.exits import KILLED, NORMAL, SHUTDOWN, ExitReason, crash, shutdown
from supervision.spec import Backoff, ChildSpec, Restart
from tests.conformance.scenario import play
from tests.conformance.simulation import Simulation
from tests.decisions.blocking import Blocking
from tests.decisions.driver import function
from tests.decisions.scenarios import scenario

RESTARTS: list[Restart] = ["permanent", "transient", "temporary"]
SLOW_TO_DRAW = [HealthCheck.too_slow, HealthCheck.data_too_large]
ENDS = st.sampled_from([NORMAL, SHUTDOWN, shutdown("x"), KILLED, crash("boom")])


def test_the_machine_does_what_a_blocking_supervisor_does() -> None:
    """Two writings of OTP's rules, in opposite styles, agree on everything that can be seen."""
    first = SystemRandom().randrange(10**9)
    for seed in range(first, first + 1000):
        random_scenario = scenario(seed)
        answer, expected = play(random_scenario, Simulation()), play(random_scenario, Blocking())
        assert answer == expected, f"scenario {seed}: {random_scenario}"


def test_the_random_scenarios_are_about_something() -> None:
    """Each of these happens in many of them: else the comparison would show little."""
    seen: Counter[str] = Counter()
    for seed in range(700):
        note_what_happened(seen, play(random_scenario := scenario(seed), Blocking()), random_scenario)
    assert min(seen[name] for name in HAPPENINGS) >= 5, seen


HAPPENINGS = [
    "rolled back two", "restarting refused", "gave up", "shut itself down", "wrong stop", "group", "retried",
]  # fmt: skip


def note_what_happened(seen: Counter[str], answer: Any, random_scenario: Any) -> None:
    failed = answer["start"]["r"] != "ok"
    seen["rolled back two"] += failed and sum(event[0] == "exit" for event in answer["start"]["ev"]) >= 2
    for op in answer["ops"]:
        contexts = [report[0] for report in op["rep"]]
        seen["restarting refused"] += op["r"] == ["error", "restarting"]
        seen["gave up"] += "shutdown" in contexts
        seen["wrong stop"] += "shutdown_error" in contexts
        seen["retried"] += contexts.count("start_error") > 1
        seen["group"] += sum(event[0] == "start" for event in op["ev"]) > 2
    over = answer["final"]["sup"] == ["dead", "shutdown"]
    quiet = not any("shutdown" in [report[0] for report in op["rep"]] for op in answer["ops"])
    seen["shut itself down"] += over and quiet and random_scenario["flags"]["auto_shutdown"] != "never"


# --- any events ---------------------------------------------------------------------------------------


@st.composite
def specs(draw: st.DrawFn, name: int, extras: bool) -> ChildSpec:
    restart: Restart = draw(st.sampled_from(RESTARTS))
    more: dict[str, Any] = {}
    if extras:
        more["backoff"] = draw(st.sampled_from([None, Backoff()]))
        more["healthy_after"] = draw(st.sampled_from([None, 1.0]))
        more["max_failures"] = None if more["healthy_after"] is None else draw(st.sampled_from([None, 2]))
    significant = restart != "permanent" and draw(st.booleans())
    kinds: Any = draw(st.sampled_from([5.0, "infinity", "brutal_kill"]))
    return ChildSpec(
        id=name, start=(function, (), {}), restart=restart, significant=significant, shutdown=kinds, **more
    )


@st.composite
def machines(draw: st.DrawFn) -> State:
    mode: Mode = draw(st.sampled_from(["ordinary", "ordinary", "simple", "dynamic"]))
    intensity = draw(st.integers(0, 4))
    if mode != "ordinary":
        one = ChildSpec(id=0, start=(function, (), {}), own_budget=draw(st.sampled_from([None, (1, 5.0)])))
        if mode == "dynamic":
            return initial({"intensity": intensity}, (), mode, max_children=draw(st.integers(1, 5)))
        return initial({"intensity": intensity, "strategy": "simple_one_for_one"}, [one])
    flags = {
        "intensity": intensity,
        "strategy": draw(st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"])),
        "auto_shutdown": draw(st.sampled_from(["any_significant", "all_significant"])),
    }
    return initial(flags, [draw(specs(name, True)) for name in range(draw(st.integers(0, 4)))])


class World:
    """Feed a machine likely and unlikely events, and check each step."""

    def __init__(self, state: State, data: st.DataObject) -> None:
        self.state, self.data, self.now = state, data, 0.0
        self.pids: dict[Any, Any] = {}
        self.asked: dict[Any, Any] = {}
        self.retries: list[Retry] = []
        self.tokens: list[int] = []
        self.requests = 0
        self.number = 0
        self.answers: Counter[Any] = Counter()
        self.last_stop = 10**9

    def run(self) -> None:
        self.feed(Boot())
        for _ in range(self.data.draw(st.integers(0, 40))):
            self.now += self.data.draw(st.sampled_from([0.0, 0.1, 3.0]))
            self.feed(self.choose())
        self.feed(StopSupervisor(SHUTDOWN))
        while not self.state.finished:
            self.feed(self.due())
        self.check_end()

    def due(self) -> Event:
        """Return the outcome that the machine waits for."""
        work = self.state.work
        assert work is not None, "not finished, and nothing is due"
        if work.phase == "start":
            return self.outcome(work.awaiting)
        pid = next(iter(self.asked))
        return Exited(self.asked[pid], pid, self.data.draw(ENDS))

    def outcome(self, key: Any) -> Event:
        self.number += 1
        good = Started(key, f"p{self.number}")
        outcomes: list[Event] = [good, good, good, Ignored(key), StartFailed(key, "boom")]
        return self.data.draw(st.sampled_from(outcomes))

    def choose(self) -> Event:
        options: list[Any] = ["request", "odd"]
        options += ["due"] * 4 if self.state.work is not None else []
        options += ["death"] * 2 if self.pids else []
        options += ["retry"] * 3 if self.retries else []
        options += ["timer"] * 3 if self.tokens else []
        match self.data.draw(st.sampled_from(options)):
            case "due":
                return self.due()
            case "death":
                pid = self.data.draw(st.sampled_from(list(self.pids)))
                return Exited(self.pids[pid], pid, self.data.draw(ENDS))
            case "retry":
                return self.retries.pop(0)
            case "timer":
                return TimerFired(self.tokens.pop(0))
            case "request":
                return self.request()
        return self.data.draw(st.sampled_from(self.odd()))

    def odd(self) -> list[Event]:
        """Return events that nobody expects, but no outcome of a start that is due."""
        reason: ExitReason = NORMAL
        events: list[Any] = [Boot(), Exited(0, "stranger", reason), Exited("zz", "zz", reason), "hello"]
        return [
            *events,
            Retry(0, 999),
            TimerFired(999),
            Started("zz", "zz"),
            StartFailed("zz", 1),
            Ignored("zz"),
        ]

    def request(self) -> Event:
        self.requests += 1
        pids = [*self.pids, "stranger"]
        name = self.data.draw(st.sampled_from([0, 1, 2, 7, *pids]))
        by_pid = self.data.draw(st.booleans())
        dynamic = {
            "id": name,
            "start": function,
            "restart": self.data.draw(st.sampled_from(["permanent", "x"])),
        }
        calls: list[Call] = [
            StartChild(() if self.state.mode == "simple" else dynamic),
            TerminateChild(name, by_pid),
            RestartChild(name),
            DeleteChild(name),
            WhichChildren(),
            CountChildren(),
            GetChildSpec(name, by_pid),
        ]
        return Request(self.requests, self.data.draw(st.sampled_from(calls)))

    def feed(self, event: Event) -> None:
        before = repr(self.state)
        was_over = self.state.finished
        if isinstance(event, Exited) and event.pid in self.pids:
            del self.pids[event.pid]
            self.asked.pop(event.pid, None)
        old = self.state
        self.state, actions = step(old, event, self.now)
        assert repr(old) == before, "a step changed its state"
        assert step(old, event, self.now) == (self.state, actions), "a step is not a function"
        if isinstance(event, Started) and event.key != "zz":
            self.pids[event.pid] = event.key
        for at, action in enumerate(actions):
            self.note(action)
            assert not isinstance(action, Finished) or at == len(actions) - 1, "Finished is the last action"
        assert not was_over or all(isinstance(action, Answer) for action in actions)
        self.check()

    def note(self, action: Any) -> None:
        match action:
            case Start(key):
                assert key not in self.pids.values(), "two incarnations of one child"
            case Stop(key, pid):
                assert self.pids.get(pid) == key, "a stop of somebody who is not there"
                assert pid not in self.asked, "asked twice"
                self.asked[pid] = key
                self.note_order(key)
            case Answer(request_id):
                self.answers[request_id] += 1
            case SendSelf(event):
                self.retries.append(event)
            case SetTimer(token):
                self.tokens.append(token)

    def note_order(self, key: Any) -> None:
        """Check that the end, or the roll-back of a failed start, goes from the last child to the first."""
        work = self.state.work
        if work is not None and work.phase == "stop" and isinstance(work.purpose, Ending | RollingBack):
            at = list(self.state.children).index(key)
            assert at < self.last_stop, "a stop out of order"
            self.last_stop = at

    def check(self) -> None:
        state = self.state
        assert state.finished or len(state.restarts) <= state.flags.intensity or state.busy
        assert max(self.answers.values(), default=0) <= 1
        assert state.work is None or state.work.phase != "none"
        assert state.busy or not state.deferred, "idle with events waiting"
        up = {child.pid for child in state.children.values() if child.status == "up"}
        assert up <= set(self.pids) | set(state.fallen), "a child that nobody started"
        if not state.busy and not state.finished:
            assert up == set(self.pids), "a process that nobody supervises"
        if state.mode != "ordinary":
            assert set(state.pids) == {c.pid for c in state.children.values() if c.pid is not None}
        assert set(state.timers) <= {c.token for c in state.children.values() if c.status == "restarting"}

    def check_end(self) -> None:
        assert not self.pids, "processes are left"
        assert set(self.answers) == set(range(1, self.requests + 1)), "somebody waits for ever"


@settings(max_examples=400, deadline=None, suppress_health_check=SLOW_TO_DRAW)
@given(machines(), st.data())
def test_the_rules_hold_for_any_events(state: State, data: st.DataObject) -> None:
    """One incarnation a child, one answer a request, nothing after the end, nobody left behind."""
    World(state, data).run()
