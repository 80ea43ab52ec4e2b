"""Supervision scenarios with OTP's answers: what their words mean, for any backend that can play them.

A scenario is JSON: flags, children, operations. `play` runs one on a `Backend` and returns an answer of
the form that OTP's was recorded in; `normalized` makes two answers comparable. The backend plays the
children, with the help of a `Ledger`, which knows the outcome of every start and writes down what happens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from supervision.decisions import (
    NO_INFO,
    Call,
    CountChildren,
    Counts,
    DeleteChild,
    GetChildSpec,
    Ok,
    Refused,
    RestartChild,
    StartChild,
    StartedChild,
    TerminateChild,
    WhichChildren,
)
from supervision.spec import ChildSpec
from tests.conformance.children import Behaviour, Ledger, plain

__all__ = ["Backend", "Player", "build", "load", "normalized", "play", "spec_of"]

DATA = Path(__file__).parent / "data"
Json = Any
# OTP's own default; ours is Elixir's.
OTP_INTENSITY = 1


class Backend(Protocol):
    """Play scenarios: start a top supervisor, carry out requests, let its children end.

    A pid is whatever the backend takes for one; `name_of` gives the path and the generation behind it.
    """

    ledger: Ledger

    def start_function(self, behaviour: Behaviour) -> Callable[..., object]:
        """Return the start of a child; for an instance it is called with the instance's JSON."""

    def start(self, flags: object, specs: list[object]) -> object:
        """Start the top supervisor; return None, or the reason of the failure as OTP's term."""

    def exit_children(self, paths: Sequence[str], reason: str | list[str]) -> int:
        """Let running children end before their supervisor handles the first; return how many there were."""

    def request(self, sup_path: str, call: Call) -> Ok | Refused:
        """Ask a supervisor ("" is the top one); Refused("noproc") if it is gone."""

    def pid_of(self, path: str) -> object | None:
        """Return the pid of the path's last process, running or not; None if there was none."""

    def name_of(self, pid: object) -> tuple[str, int]:
        """Return the path and the generation of a process."""

    def release(self, path: str) -> None:
        """End the hold of a child."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""

    def settle(self) -> None:
        """Wait until everything has come to rest."""

    def sup_state(self) -> Json:
        """Return "alive", ["dead", reason] or "not_started"."""

    def stop(self) -> None:
        """Tell the top supervisor, if it is there, to shut down, as its parent would."""


def load(path: Path = DATA / "scenarios_sample.jsonl") -> Iterator[tuple[Json, Json]]:
    """Yield (scenario, expected answer)."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            yield entry["scenario"], entry["expected"]


def play(scenario: Json, backend: Backend) -> Json:
    """Run a scenario and return the answer."""
    player = Player(scenario, backend)
    answer: dict[str, Json] = {"name": scenario["name"], "start": player.begin(), "ops": []}
    if player.is_started:
        answer["ops"] = [player.operate(op) for op in scenario["ops"]]
    answer["final"] = player.final()
    answer["stop"] = player.end()
    return answer


def normalized(scenario: Json, answer: Json) -> Json:
    """Return the answer with what OTP leaves open in order: the stops of dynamic children."""
    answer = json.loads(json.dumps(answer))
    if scenario["flags"].get("strategy") != "simple_one_for_one":
        return answer
    for part in (answer["start"], answer["stop"], *answer["ops"]):
        part["ev"] = _sorted_exits(part["ev"])
        part["rep"].sort(key=json.dumps)
        if isinstance(part.get("r"), list):
            part["r"] = _sorted_rows(part["r"])
    answer["final"]["children"] = _sorted_rows(answer["final"]["children"])
    return answer


def build(
    flags: Mapping[str, Json], children: Sequence[Json], prefix: str, backend: Backend
) -> tuple[object, list[object]]:
    """Return flags and specifications as the library takes them."""
    return {"intensity": OTP_INTENSITY, **flags}, [spec_of(child, prefix, backend) for child in children]


def spec_of(given: Json, prefix: str, backend: Backend) -> object:
    """Return one specification as the library takes it: seconds, and a start that plays the child."""
    if not isinstance(given, dict):
        return given
    spec = {name: given[name] for name in ("id", "restart", "type", "significant") if name in given}
    if "shutdown" in given:
        milliseconds = given["shutdown"]
        spec["shutdown"] = milliseconds / 1000 if _is_number(milliseconds) else milliseconds
    if given.get("start") == "missing":
        return spec
    if "start" in given:
        return {**spec, "start": given["start"]}
    behaviour = Behaviour(
        prefix + str(given.get("id", "")),
        given.get("starts", ()),
        given.get("trap", False),
        given.get("on_shutdown", "same"),
        given.get("sup"),
    )
    return {**spec, "start": (backend.start_function(behaviour), ())}


class Player:
    """Carry out one scenario's operations."""

    def __init__(self, scenario: Json, backend: Backend) -> None:
        self.backend = backend
        self.scenario = scenario
        self.simple = scenario["flags"].get("strategy") == "simple_one_for_one"
        self.is_started = False

    def begin(self) -> Json:
        flags, specs = build(self.scenario["flags"], self.scenario["children"], "", self.backend)
        failure = self.backend.start(flags, specs)
        self.is_started = failure is None
        return {"r": "ok" if failure is None else ["error", self._term(failure)], **self._rest()}

    def operate(self, op: Sequence[Json]) -> Json:
        result = self._result(op)
        return {"r": result, **self._rest(), "sup": self.backend.sup_state()}

    def final(self) -> Json:
        if not self.is_started:
            return {"sup": "not_started", "children": None, "counts": None}
        return {
            "sup": self.backend.sup_state(),
            "children": self._request("", WhichChildren()),
            "counts": self._request("", CountChildren()),
        }

    def end(self) -> Json:
        if not self.is_started:
            return {"sup": "not_started", "ev": [], "rep": []}
        self.backend.stop()
        rest = self._rest()
        return {"sup": self.backend.sup_state(), **rest}

    def _rest(self) -> Json:
        self.backend.settle()
        return self.backend.ledger.take()

    def _result(self, op: Sequence[Json]) -> Json:
        match op:
            case ["exit_child", path, reason]:
                return "ok" if self.backend.exit_children([path], reason) else "not_running"
            case ["exit_many", paths, reason]:
                return self.backend.exit_children(paths, reason) or "not_running"
            case ["start_child", spec, *sup]:
                return self._start_child(spec, sup[0] if sup else "")
            case ["terminate_child_by_id", name]:
                return self._request("", TerminateChild(name))
            case ["which_children" | "count_children" as name, *sup]:
                call: Call = WhichChildren() if name == "which_children" else CountChildren()
                return self._request(sup[0] if sup else "", call)
            case ["release", path]:
                self.backend.release(path)
            case ["sleep", milliseconds]:
                self.backend.sleep(milliseconds / 1000)
            case ["stop"]:
                self.backend.stop()
            case [name, path]:
                return self._about_child(name, path)
        return "ok"

    def _about_child(self, name: str, path: str) -> Json:
        sup_path, _, target = path.rpartition("/")
        if name == "restart_child":
            return self._request(sup_path, RestartChild(target))
        if name == "delete_child":
            return self._request(sup_path, DeleteChild(target))
        call = TerminateChild if name == "terminate_child" else GetChildSpec
        if not self.simple:
            return self._request(sup_path, call(target))
        # An instance that never ran has no pid: a living stranger's is asked for in its place.
        pid = self.backend.pid_of(path)
        return self._request("", call(path if pid is None else pid, by_pid=True, alive=pid is None))

    def _start_child(self, spec: Json, sup_path: str) -> Json:
        if self.simple:
            return self._request("", StartChild((spec,)))
        prefix = f"{sup_path}/" if sup_path else ""
        return self._request(sup_path, StartChild(spec_of(spec, prefix, self.backend)), wrap=True)

    def _request(self, sup_path: str, call: Call, wrap: bool = False) -> Json:
        outcome = self.backend.request(sup_path, call)
        if isinstance(outcome, Ok):
            return self._value(outcome.value)
        if outcome.reason == "noproc" and not outcome.failed:
            return ["exit", "noproc"]
        reason = self._term(outcome.reason)
        return ["error", ["failed", reason] if wrap and outcome.failed else reason]

    def _value(self, value: object) -> Json:
        match value:
            case StartedChild(pid, info):
                return ["ok", self._child(pid), *([] if info is NO_INFO else [info])]
            case Counts():
                return value._asdict()
            case ChildSpec():
                return ["ok", _spec_json(value)]
            case list():
                return [self._row(row.id, row.child, row.type) for row in value]
        return "ok" if value is None else value

    def _row(self, name: object, child: object, kind: str) -> Json:
        shown = child if child in ("undefined", "restarting") else self._child(child)
        if self.simple:
            name = None if shown == "restarting" else shown[1]
        return [name, shown, kind]

    def _child(self, pid: object) -> Json:
        return None if pid is None else ["pid", *self.backend.name_of(pid)]

    def _term(self, reason: Any) -> Json:
        match reason:
            case ("already_started", pid):
                return ["already_started", self._child(pid)]
            case ("invalid_shutdown", seconds) if _is_number(seconds):
                return ["invalid_shutdown", round(seconds * 1000)]
            case ("bad_start_spec", specs):
                return ["bad_start_spec", len(specs)]
            case (str() as head, tuple() as inner):
                return [head, self._term(inner)]
        return plain(reason)


def _spec_json(spec: ChildSpec) -> Json:
    shutdown: Json = spec.shutdown
    return {
        "id": spec.id,
        "restart": spec.restart,
        "shutdown": round(shutdown * 1000) if _is_number(shutdown) else shutdown,
        "significant": spec.significant,
        "type": spec.type,
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sorted_exits(events: list[Json]) -> list[Json]:
    """Sort every run of neighbouring exits."""
    ordered: list[Json] = []
    run: list[Json] = []
    for event in [*events, None]:
        if event is not None and event[0] == "exit":
            run.append(event)
            continue
        ordered += sorted(run, key=json.dumps)
        run = []
        if event is not None:
            ordered.append(event)
    return ordered


def _sorted_rows(rows: Json) -> Json:
    if isinstance(rows, list) and rows and all(isinstance(row, list) for row in rows):
        return sorted(rows, key=json.dumps)
    return rows
