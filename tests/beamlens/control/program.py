"""A program that runs trees of BeamLens until its standard input ends; started by tests in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any

from beamlens import Skill, telemetry
from beamlens.supervisor import Beamlens
from supervision import Supervisor

OBSERVATION = "memory_mb grew from 137 to 174 at shop/cache.py:12"
HOSTILE = "<script>alert(1)</script>\x1b[31mred\x07"


class Toy(Skill):
    """A subject whose numbers grow with each look."""

    id = "toy"
    title = "Toy \x1b[31m"
    description = "A toy."
    system_prompt = "You watch a toy."

    def __init__(self) -> None:
        self.looks = 0

    def snapshot(self) -> dict[str, Any]:
        self.looks += 1
        return {"memory_mb": 100 + 37 * self.looks, "queue": {"depth": self.looks**2, "name": HOSTILE}, "steady": 5}

    def callbacks(self) -> dict[str, Any]:
        return {"toy_five": lambda: 5}

    def callback_docs(self) -> str:
        return "### toy_five()\nFive."


FINDING = {
    "type": "memory_growth",
    "context": HOSTILE,
    "observation": OBSERVATION,
    "hypothesis": "a cache without bound",
    "severity": "warning",
    "entities": ["shop/cache.py:12"],
    "snapshot_ids": [{"$last_snapshot_id": True}],
}
INSIGHT = {
    "notification_ids": {"$notification_ids": True},
    "correlation_type": "causal",
    "summary": f"The toy is not well. {OBSERVATION}. {HOSTILE}",
    "matched_observations": {"$observations": True},
    "hypothesis_grounded": False,
    "root_cause_hypothesis": "A cache without bound.",
    "confidence": "high",
}
OPERATOR = [
    ["think", {"thought": HOSTILE}],
    ["take_snapshot", {}],
    ["wait", {"ms": 50}],
    ["take_snapshot", {}],
    ["execute", {"code": "return toy_five() + 1"}],
    ["execute", {"code": "return nope()"}],
    ["set_state", {"state": "warning", "reason": HOSTILE}],
    ["send_notification", FINDING],
    ["done", {}],
]
COORDINATOR = [
    ["invoke_operators", {"skills": ["toy"], "context": "look"}],
    ["wait", {"ms": 5000}],
    *[["wait", {"ms": 400}]] * 2,
    ["get_notifications", {}],
    ["produce_insight", INSIGHT],
    ["done", {}],
]
SLOW = [["wait", {"ms": 60000}], ["done", {}]]


LENSES: list[Any] = []


def main() -> None:
    """Start what the first argument says, say `up`, end with the standard input."""
    given = json.loads(sys.argv[1])
    script = {"operator:toy": OPERATOR, "coordinator": SLOW if given.get("slow") else COORDINATOR}
    options: dict[str, Any] = {
        "operators": [Toy],
        "provider": given.get("provider", "scripted"),
        "transcripts": given.get("transcripts", False),
        "control": given.get("control", True),
    }
    if options["provider"] == "scripted":
        options["provider_options"] = {"script": script}
    if given.get("nested"):
        root = Supervisor.start([(Beamlens, options)], name="root")
        LENSES.append(root["Beamlens"])
    else:
        LENSES.extend(Beamlens.start(name=name, **options) for name in given.get("names", ["shop"]))
        root = LENSES[0]
    run_and_report(given)
    print("up", flush=True)
    sys.stdin.read()
    if given.get("stop", True):
        for lens in [root, *LENSES[1:]]:
            lens.stop()


def run_and_report(given: dict[str, Any]) -> None:
    """Run the coordinator at once if that is asked for, killing the operator on its way if that is."""
    if given.get("kill"):
        telemetry.attach(
            "kill",
            ("beamlens", "operator", "execute_start"),
            lambda *_: threading.Thread(target=_kill_once, daemon=True).start(),
        )
    if given.get("run"):
        print(json.dumps({"run_id": LENSES[0].run("memory alert", deadline=30).trace_id}), flush=True)


_killed: list[int] = []


def _kill_once() -> None:
    if not _killed:
        pid = LENSES[0].operator("toy").status().pid
        if pid is not None:
            _killed.append(pid)
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
