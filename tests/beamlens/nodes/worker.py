"""One process of a group, for tests: it does what it is told on standard input, a line of JSON each, and answers so."""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from beamlens import Check, Skill, Threshold, telemetry
from beamlens.lens import Lens
from beamlens.nodes.questions import ESCALATION
from beamlens.supervisor import Beamlens
from beamlens.telemetry import EventName


class Toy(Skill):
    """A subject whose depth can be set from outside, and which can be made to hang."""

    id = "toy"
    title = "Toy"
    description = "A toy."
    system_prompt = "You watch a toy."
    additive = ("depth", "inner.count", "missing")
    depth = 1
    hold = 0.0

    def snapshot(self) -> dict[str, Any]:
        time.sleep(type(self).hold)
        return {"depth": type(self).depth, "inner": {"count": 2, "share": 0.5}, "pid": os.getpid(), "key": SECRET}

    def callbacks(self) -> dict[str, Callable[..., Any]]:
        return {"toy_pid": os.getpid, "toy_depth": lambda factor=1: type(self).depth * factor}

    def callback_docs(self) -> str:
        return "### toy_pid()\nThe process id.\n\n### toy_depth(factor)\nThe depth, times a factor."

    def checks(self) -> tuple[Check, ...]:
        return (
            Check(
                name="deep",
                when=Threshold("depth", ">", 10),
                observation="depth {value}, drilled {drill.pid}",
                drill="return {pid = toy_pid(), depth = toy_depth(check.value), key = check.key, path = check.path}",
                entities=("toy",),
            ),
        )


SECRET = "password=hunter2hunter2"
_heard: list[Any] = []
_EVENTS = [name for name in telemetry.event_names() if name[1] == "node" or name[-1] == "auto_trigger_started"]


def _hear(name: EventName, _: Any, metadata: Any, __: Any) -> None:
    _heard.append([".".join(name[1:]), {key: str(value) for key, value in metadata.items()}])


def _escalate() -> None:
    anomalies = [{"skill": "toy", "metric": "depth", "key": "toy.depth", "value": 99, "usual": "1"}]
    telemetry.emit(ESCALATION, {"anomaly_count": 1}, {"anomalies": anomalies})


def _set(depth: int) -> None:
    Toy.depth = depth


def _block(seconds: int) -> None:
    """Hold the interpreter lock in C, soon."""

    def block() -> None:
        time.sleep(0.3)  # so that the answer is sent before
        ctypes.PyDLL(None).sleep(seconds)

    threading.Thread(target=block, daemon=True).start()


def _hold(seconds: float) -> None:
    Toy.hold = seconds


def commands(lens: Lens) -> dict[str, Callable[..., Any]]:
    """Return what may be told, by name."""
    return {
        "place": lambda: lens.group.place if lens.group is not None else "alone",
        "nodes": lambda: [node.to_dict() for node in lens.nodes()],
        "run": lambda reason="look", **more: lens.run(reason, deadline=40, **more).to_dict(),
        "operator": lambda name, **more: lens.operator(name).run("look", **more).to_dict(),
        "message": lambda name, text: lens.operator(name).message(text),
        "operators": lambda: [status.to_dict() for status in lens.list_operators()],
        "status": lambda: lens.status().to_dict(),
        "cancel": lens.cancel,
        "usage": lambda: sorted(lens.usage().by_caller),
        "set": _set,
        "hold": _hold,
        "block": _block,
        "heard": lambda: _heard,
        "escalate": _escalate,
        "children": lambda: [row[0] for row in lens.which_children()],
    }


def main() -> None:
    """Start a member of the group, say that it is up, obey until the standard input ends."""
    options = json.loads(sys.argv[1])
    setup = options.pop("setup", None)
    if setup:
        module, _, name = setup.partition(":")
        getattr(importlib.import_module(module), name)()
    given = {"operators": [Toy], "provider": "rules", "transcripts": False, "pace": 0.1, "group": "shop", **options}
    given["operators"] = [Toy if each == "toy" else each for each in given["operators"]]
    telemetry.attach_many("heard", _EVENTS, _hear)
    lens = Beamlens.start(**given)
    known = commands(lens)
    print(json.dumps({"pid": os.getpid()}), flush=True)
    for line in sys.stdin:
        name, args, kwargs = json.loads(line)
        try:
            answer = {"ok": known[name](*args, **kwargs)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer, default=str), flush=True)
    lens.stop()


if __name__ == "__main__":
    main()
