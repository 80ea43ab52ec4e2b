"""The command: its arguments, performances one after the other, the verdict."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from beamlens.demo.faults import FAULTS, Fault, fault_named
from beamlens.demo.stage import Performance, Result, StageError
from beamlens.demo.views import make_view, wrapped

__all__ = ["run"]


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments say; return the exit code. The main thread."""
    parser = _parser()
    given = parser.parse_args(argv)
    try:
        plays = _plays(given)
    except LookupError as error:
        parser.error(str(error))
    results, began = [], time.monotonic()
    try:
        with _terminated_in_order():
            for fault in plays:
                results.append(_play(fault, given))
                _tell(results[-1], given)
    except StageError as error:
        print(f"beamlens demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if given.json:
        print(json.dumps(summary(results, time.monotonic() - began)), flush=True)
    return 0 if all(result.good for result in results) else 1


@contextlib.contextmanager
def _terminated_in_order() -> Iterator[None]:
    """Have SIGTERM end this as Ctrl-C does: what was started is stopped, files are removed."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def summary(results: Sequence[Result], seconds: float) -> dict[str, Any]:
    """Return all results in one, as plain data.

    Args:
        results: in the order in which they were played.
        seconds: that it took.
    """
    faults = [result for result in results if result.fault is not None]
    return {
        "faults": len(faults),
        "found": sum(result.verdict.found for result in faults),
        "false_alarms": sum(len(result.false_alarms) for result in results),
        "killed": sum(result.killed for result in results),
        "crashes_survived": sum(result.crashes_survived for result in results),
        "seconds": round(seconds, 1),
        "good": all(result.good for result in results),
    }


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(fault.name for fault in FAULTS)
    parser = argparse.ArgumentParser(
        prog="beamlens demo",
        description="Watch BeamLens find what is wrong with a small web shop, with an operator killed in the middle.",
    )
    parser.add_argument("fault", nargs="?", default="lock", metavar="FAULT", help=f"one of {names}; default: lock")
    parser.add_argument("--all", action="store_true", help="all faults, one after the other, and a healthy shop")
    parser.add_argument("--healthy", action="store_true", help="nothing goes wrong, and nothing is to be found")
    parser.add_argument("--json", action="store_true", help="one line of JSON for each fault, and a summary at the end")
    parser.add_argument("--plain", action="store_true", help="print a line for each event, draw nothing in place")
    parser.add_argument(
        "--seconds", type=_seconds, default=80.0, metavar="N", help="for one fault at most; default: 80"
    )
    parser.add_argument(
        "--provider", default=None, help="who thinks; default: anthropic where there is a key, else rules"
    )
    parser.add_argument("--keep", type=Path, default=None, metavar="DIR", help="keep the transcripts there")
    return parser


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 20.0 <= number <= 3600.0:
        raise argparse.ArgumentTypeError(f"{text!r}: 20 to 3600 seconds are expected")
    return number


def _plays(given: argparse.Namespace) -> list[Fault | None]:
    if given.all:
        return [None, *FAULTS]
    return [None] if given.healthy else [fault_named(given.fault)]


def _play(fault: Fault | None, given: argparse.Namespace) -> Result:
    provider = given.provider or ("anthropic" if os.environ.get("ANTHROPIC_API_KEY") else "rules")
    view = make_view(plain=given.plain, quiet=given.json)
    try:
        with Performance(fault, provider, view, given.seconds, given.keep) as performance:
            return performance.play()
    finally:
        view.close()


def _tell(result: Result, given: argparse.Namespace) -> None:
    if given.json:
        print(json.dumps(result.to_dict()), flush=True)
        return
    insight = result.verdict.insight
    print("\nWhat BeamLens says:")
    print(_explained(insight, result.outcome) if insight is not None else wrapped(str(result.outcome.get("answer"))))
    print("\nWhat it really was:")
    print(wrapped(result.fault.truth if result.fault is not None else "nothing: the shop was healthy"))
    mark = "FOUND" if result.verdict.found else "NOT FOUND"
    after = "" if result.found_after is None else f", {result.found_after:.1f} s after it began"
    print(f"\n{mark if result.fault is not None else result.verdict.why}{after}: {result.verdict.why}")
    print(f"operators killed: {result.killed}, survived: {result.crashes_survived}; {result.seconds:.1f} s in all")
    for alarm in result.false_alarms:
        print(wrapped(f"false alarm: {alarm}"))
    sys.stdout.flush()


def _explained(insight: Mapping[str, Any], outcome: Mapping[str, Any]) -> str:
    """Return an insight with its evidence, for people."""
    said = [wrapped(insight.get("root_cause_hypothesis") or insight["summary"])]
    said.append(f"\n  {insight['correlation_type']}, confidence {insight['confidence']}. Evidence:")
    for found in outcome["notifications"]:
        if found["id"] in insight["notification_ids"]:
            said.append(wrapped(f"- {found['operator']}: {found['observation']}", "    "))
            said.append(wrapped(f"{found['context']} Snapshots: {', '.join(found['snapshot_ids'])}", "      "))
    return "\n".join(said)
