"""A task that an agent solves before your eyes, and its process killed in the middle: `beamlens legion demo`.

Without a key the model is scripted and says what a model would; the agent, its tools, the sandbox and the crash are
real. `beamlens legion demo --provider stub` has a provider's real SDK ask a local server; with another provider and a
key, a real model solves the same task.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final, TextIO, TypeAlias

from beamlens.errors import ConfigurationError
from beamlens.legion import telemetry
from beamlens.legion.agent import Agent
from beamlens.legion.results import Ok, Result
from beamlens.legion.tree import Legion

__all__ = ["SCRIPT", "TASK", "Clerk", "Late", "Orders", "Rates", "Watched", "main", "solve"]

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


Server: TypeAlias = Callable[[], AbstractContextManager[Mapping[str, Any]]]
_NONE: Final[Mapping[str, Server]] = MappingProxyType({})

_ESCAPES: Final = re.compile(r"\033\[[0-9;]*m")


class _Plain(logging.Formatter):
    """Leave out colours, which a file or another program has no use for."""

    def format(self, record: logging.LogRecord) -> str:
        return _ESCAPES.sub("", super().format(record))


@dataclass(slots=True)
class Watched:
    """Hold what the demo saw.

    Args:
        killed: the process that was killed.
        starts: how many processes were the agent.
        evaluations: how many pieces of code were run.
        iterations: replies of the model that were kept.
    """

    killed: int | None = None
    starts: int = 0
    evaluations: int = 0
    iterations: int = 0

    def hear(self, name: tuple[str, ...], _measurements: Any, metadata: Mapping[str, Any], _config: Any) -> None:
        """Count an event."""
        self.starts += name[-1] == "started"
        self.evaluations += name[1:] == ("sandbox", "eval", "stop")
        if name[1:] == ("agent", "message", "stop"):
            self.iterations = metadata["iterations"]


def main(
    arguments: Sequence[str] | None = None,
    out: TextIO | None = None,
    servers: Mapping[str, Server] = _NONE,
) -> int:
    """Run the demo; return the exit code: 0 where the task was solved, 1 where it was not, 2 where it cannot begin.

    Args:
        arguments: of the command line.
        out: where it is told; None: standard output.
        servers: local servers that stand for providers, by the names that `--provider` may have.
    """
    given = _parser().parse_args(arguments)
    target = out or sys.stdout
    watched, began = Watched(), time.monotonic()
    try:
        with _model(given, servers) as options, _told(given, target), _watched(watched):
            result = solve(
                options, kill=not given.no_kill, out=io.StringIO() if given.json else target, watched=watched
            )
        target.write(_report(result, watched, time.monotonic() - began) if given.json else f"\n{TASK}\n{result}\n")
        target.flush()
    except ConfigurationError as error:
        print(f"beamlens legion demo: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # who read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    return 0 if isinstance(result, Ok) else 1


def _report(result: Result, watched: Watched, seconds: float) -> str:
    value = asdict(result.value) if isinstance(result, Ok) else None
    said = {
        "task": TASK,
        "status": "ok" if isinstance(result, Ok) else result.reason,
        "value": value,
        "killed": watched.killed,
        "processes": watched.starts,
        "evaluations": watched.evaluations,
        "iterations": watched.iterations,
        "seconds": round(seconds, 2),
    }
    return json.dumps(said) + "\n"


@contextmanager
def _model(given: argparse.Namespace, servers: Mapping[str, Server]) -> Iterator[Mapping[str, Any]]:
    """Yield the options of the tree that say who is the model."""
    if given.provider == "scripted":
        yield {"provider": "scripted", "provider_options": {"script": dict(SCRIPT)}}
    elif given.provider in servers:
        with servers[given.provider]() as options:
            yield options
    else:
        yield {"provider": given.provider, "model": given.model}


@contextmanager
def _told(given: argparse.Namespace, target: TextIO) -> Iterator[None]:
    """Have the agent's events written as lines meanwhile, unless one line of JSON is all that is wanted."""
    if given.json:
        yield
        return
    handler = logging.StreamHandler(target)
    if not target.isatty() or os.environ.get("NO_COLOR"):
        handler.setFormatter(_Plain())
    logger = logging.getLogger("beamlens.legion")
    level, raising = logger.level, logging.raiseExceptions
    logging.raiseExceptions = False  # a reader that left is no error to tell of
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    telemetry.attach_default_logger()
    try:
        yield
    finally:
        telemetry.detach_default_logger()
        logger.removeHandler(handler)
        logger.setLevel(level)
        logging.raiseExceptions = raising


@contextmanager
def _watched(watched: Watched) -> Iterator[None]:
    telemetry.attach_many("legion-demo-counts", telemetry.event_names(), watched.hear)
    try:
        yield
    finally:
        telemetry.detach("legion-demo-counts")


def solve(options: Mapping[str, Any], *, kill: bool, out: TextIO, watched: Watched | None = None) -> Result:
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
            if watched is not None:
                watched.killed = pid
            out.write(f"\n*** SIGKILL to the agent's process {pid}, in the middle of its turn ***\n\n")
            out.flush()
        return agent.await_(call) or agent.call(TASK)
    finally:
        telemetry.detach("legion-demo")
        tree.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="beamlens legion demo",
        description="Have an agent solve a task by writing code, and kill its process in the middle of it.",
    )
    parser.add_argument(
        "--provider",
        default="scripted",
        help="scripted (the default); stub: a provider's real SDK and a local server; anthropic, openai, ...",
    )
    parser.add_argument("--model", default=None, help="the provider's model")
    parser.add_argument("--no-kill", action="store_true", help="kill nothing")
    parser.add_argument("--json", action="store_true", help="print what came of it as one line of JSON")
    return parser
