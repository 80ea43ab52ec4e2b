"""A task that an agent solves before your eyes, and its process killed in the middle: `beamlens legion demo`.

Without a key the model is scripted and says what a model would; the agent, its tools, the sandbox and the crash are
real. With `--provider` and a key, a real model solves the same task.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TextIO

from beamlens.legion import telemetry
from beamlens.legion.agent import Agent
from beamlens.legion.results import Ok, Result
from beamlens.legion.tree import Legion

__all__ = ["TASK", "Clerk", "Late", "Orders", "Rates", "SCRIPT", "main", "solve"]

TASK: Final = "Which open orders are late on 2026-11-22, and what are they worth together in dollars?"


class Orders:
    """Know the orders of a shop."""

    def open(self) -> list[dict[str, Any]]:
        """Return the open orders: number, customer, due (a date), euros."""
        return [
            {"number": 1, "customer": "Ada", "due": date(2026, 11, 20), "euros": 120.0},
            {"number": 2, "customer": "Bo", "due": date(2026, 11, 30), "euros": 75.0},
            {"number": 3, "customer": "Cy", "due": date(2026, 11, 3), "euros": 80.0},
        ]


class Rates:
    """Know what currencies are worth."""

    def dollars(self, euros: float) -> float:
        """Return what euros are in dollars."""
        return round(euros * 1.10, 2)


@dataclass(frozen=True)
class Late:
    """What the task asks for."""

    numbers: list[int]
    dollars: float


class Clerk(Agent):
    """You answer questions about the orders of a shop."""

    def tools(self) -> Sequence[Any]:
        """Return what it may call."""
        return [Orders, Rates]

    def output_schema(self) -> Any:
        """Return what an answer is."""
        return Late


_FIND: Final = """\
late, euros = {}, 0
for _, order in ipairs(Orders.open()) do
  if order.due < "2026-11-22" then
    late[#late + 1] = order.number
    euros = euros + order.euros
  end
end
return {late = late, euros = euros}"""
_HALFWAY: Final = [("legion", "llm", "request", "start"), ("legion", "agent", "message", "stop")]
_COUNT: Final = "return {numbers = late, dollars = Rates.dollars(euros)}"
SCRIPT: Final[Mapping[str, Any]] = {
    "*": {
        "position": "turns",  # its place is found by the conversation: what is asked again is answered again
        "steps": [
            {"tool": "reply", "arguments": {"action": "eval_and_continue", "code": _FIND}},
            {"tool": "reply", "arguments": {"action": "eval_and_complete", "code": _COUNT}, "delay": 1.0},
        ],
    }
}


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """Run the demo; return the exit code: 0 where the task was solved."""
    given = _parser().parse_args(arguments)
    target = out or sys.stdout
    options: dict[str, Any] = {"provider": given.provider, "model": given.model}
    if given.provider == "scripted":
        options = {"provider": "scripted", "provider_options": {"script": dict(SCRIPT)}}
    handler = logging.StreamHandler(target)
    logger = logging.getLogger("beamlens.legion")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    telemetry.attach_default_logger()
    try:
        result = solve(options, kill=not given.no_kill, out=target)
    finally:
        telemetry.detach_default_logger()
        logger.removeHandler(handler)
    target.write(f"\n{TASK}\n{result}\n")
    return 0 if isinstance(result, Ok) else 1


def solve(options: Mapping[str, Any], *, kill: bool, out: TextIO) -> Result:
    """Have the task solved, the agent's process killed when it has run code once where that is wanted."""
    tree = Legion.start(**options)
    halfway = threading.Event()

    def hear(name: tuple[str, ...], _measurements: Any, metadata: Mapping[str, Any], _config: Any) -> None:
        if name[-1] == "stop" or metadata["iteration"] > 0:
            halfway.set()

    telemetry.attach_many("legion-demo", _HALFWAY, hear)
    try:
        agent = tree.start_agent(Clerk)
        call = agent.cast(TASK)
        if kill and halfway.wait(120.0) and agent.status()["status"] == "running":
            pid = agent.ref.pid
            assert pid is not None, "it runs"
            os.kill(pid, signal.SIGKILL)
            out.write(f"\n*** SIGKILL to the agent's process {pid}, in the middle of its turn ***\n\n")
        return agent.await_(call) or agent.call(TASK)
    finally:
        telemetry.detach("legion-demo")
        tree.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="beamlens legion demo",
        description="Have an agent solve a task by writing code, and kill its process in the middle of it.",
    )
    parser.add_argument("--provider", default="scripted", help="scripted (the default), anthropic, openai, ...")
    parser.add_argument("--model", default=None, help="the provider's model")
    parser.add_argument("--no-kill", action="store_true", help="kill nothing")
    return parser
