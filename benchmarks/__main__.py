"""Run one benchmark, or all: `python -m benchmarks NAME [--quick] [--json]`."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Final

from benchmarks.options import Options
from benchmarks.report import Report

BENCHMARKS: Final = {
    "crash_recovery": "SIGKILL of a child until its replacement answers, beside the kernel's floor and peers",
    "investigation": "an operator's step beside its model, twelve operators at once, memory of the whole tree",
    "incidents": "real faults in real programs and healthy ones beside them: found by the rules or not",
    "legion": "a turn of an agent beside its model, 100 agents at once, the memory of each",
    "messaging": "ask and tell beside a bare socket and Pykka's threads",
    "overhead": "a web application with and without BeamLens, every call of every skill with 5 million objects",
    "sandbox": "start a Lua sandbox, evaluate, call back, kill, beside a bare fork and a bare socket",
    "scale": "10, 100, 1,000 children: start, memory, one restart, wake-ups when idle",
    "telemetry": "telemetry.execute with no handler and with some",
}


def main(arguments: list[str] | None = None) -> int:
    """Run what the arguments say; return the exit code."""
    given = _parser().parse_args(arguments)
    options = Options(quick=given.quick, smoke=given.smoke, peers=given.peers, chart=given.chart)
    report = Report()
    for name in BENCHMARKS if given.name == "all" else (given.name,):
        importlib.import_module(f"benchmarks.{name}").run(options, report)
    if given.json:
        print(report.json_line(), flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    listing = "\n".join(f"  {name:<16}{text}" for name, text in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure, each figure beside its floor, taken in the same run.",
        epilog=f"benchmarks:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=[*BENCHMARKS, "all"], metavar="NAME", help="which one, or all")
    parser.add_argument("--quick", action="store_true", help="the short form: under 30 seconds each")
    parser.add_argument("--smoke", action="store_true", help="the shortest form; its figures mean nothing")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON line at the end")
    parser.add_argument("--peers", action="store_true", help="crash_recovery: measure installed peers as well")
    parser.add_argument("--chart", type=Path, metavar="FOLDER", help="crash_recovery: draw PNG and SVG into FOLDER")
    return parser


if __name__ == "__main__":
    sys.exit(main())
