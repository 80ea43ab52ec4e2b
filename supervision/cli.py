"""The command: `python -m supervision tree PID` and `python -m supervision demo`."""

from __future__ import annotations

import argparse
import json
import math
import os
import pwd
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from supervision.process import board
from supervision.tree.rendering import memory_of, render

__all__ = ["main"]

_TRIES: Final = 100
_PAUSE: Final = 0.005
_ANCESTORS: Final = 64


class _Refusal(Exception):
    """Say why a program's trees cannot be shown."""


def main(arguments: list[str] | None = None) -> int:
    """Do what the arguments say.

    Args:
        arguments: without the program's name; None for those of this process.

    Returns:
        The exit code: 0, or 1 when there is nothing to show or the demo lost a child.

    The main thread.
    """
    given = _parser().parse_args(arguments)
    if given.command == "demo":
        from supervision.demo.show import Options, run

        return run(Options(given.seconds, given.kills_per_second, as_json=given.json, plain=given.plain))
    return _show_trees(given.pid, given.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="supervision", description="Look at supervision trees.")
    commands = parser.add_subparsers(dest="command", required=True)
    tree = commands.add_parser("tree", help="draw the supervision trees of a running program")
    tree.add_argument("pid", type=_pid, metavar="PID", help="the program's process id")
    tree.add_argument("--json", action="store_true", help="print one JSON line in place of the drawing")
    demo = commands.add_parser("demo", help="kill supervised actors at random and watch them come back")
    demo.add_argument("--seconds", type=_seconds, default=15.0, metavar="N", help="how long; 0: until Ctrl-C")
    demo.add_argument("--kills-per-second", type=_rate, default=3.0, metavar="R", help="how many on average")
    demo.add_argument("--json", action="store_true", help="print the figures as one JSON line at the end")
    demo.add_argument("--plain", action="store_true", help="print a line for each event, draw nothing in place")
    return parser


def _pid(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no process id; a number from 1 up is expected")
    return int(text)


def _seconds(text: str) -> float:
    return _number(text, lambda seconds: 0 <= seconds <= 1e9, "seconds from 0 up are expected")


def _rate(text: str) -> float:
    return _number(text, lambda rate: 0 < rate <= 1000, "more than 0 and at most 1000 a second are expected")


def _number(text: str, is_good: Callable[[float], bool], expected: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not is_good(number):
        raise argparse.ArgumentTypeError(f"{text!r}: {expected}")
    return number


# -- the trees of a running program -------------------------------------------------------------------


def _show_trees(pid: int, as_json: bool) -> int:
    try:
        content = _trees_of(pid)
    except _Refusal as refusal:
        print(f"supervision tree: {refusal}", file=sys.stderr)
        return 1
    for row in _rows(content["trees"]):
        _look_at(row, pid)
    if as_json:
        print(json.dumps(content))
    else:
        print("\n\n".join(render(tree, pid) for tree in content["trees"]))
        print(f"\nlast change {max(0.0, time.time() - content['time']):.1f} s ago")
    return 0


def _trees_of(pid: int) -> dict[str, Any]:
    """Return what the process tells about its trees, at least one.

    Raises:
        _Refusal: there is nothing to show, and why.
    """
    _check_process(pid)
    content = _read(pid)
    if content is None:
        owner = _owner_of(pid)
        if owner is None:
            raise _Refusal(f"process {pid} runs no supervision tree")
        raise _Refusal(
            f"process {pid} has no trees of its own, it belongs to process {owner}: python -m supervision tree {owner}"
        )
    if not content["trees"]:
        raise _Refusal(f"process {pid} uses supervision, but no tree runs in it at the moment")
    return content


def _check_process(pid: int) -> None:
    if not board.supported():
        raise _Refusal("this system has no files in memory that others can find; the command needs Linux")
    try:
        with open(f"/proc/{pid}/stat") as file:
            state = file.read().rpartition(") ")[2][:1]
    except (FileNotFoundError, ProcessLookupError):
        raise _Refusal(f"there is no process {pid}") from None
    if state in "ZX":
        raise _Refusal(f"process {pid} has ended; its parent has not waited for it yet")
    try:
        os.listdir(f"/proc/{pid}/fd")
        elsewhere = os.readlink(f"/proc/{pid}/ns/pid") != os.readlink("/proc/self/ns/pid")
    except PermissionError:
        raise _Refusal(_forbidden(pid)) from None
    except FileNotFoundError:
        raise _Refusal(f"process {pid} has just ended") from None
    if elsewhere:
        raise _Refusal(f"process {pid} is in another PID namespace (a container): run the command in there")


def _forbidden(pid: int) -> str:
    owner = os.stat(f"/proc/{pid}").st_uid
    if owner == os.getuid():
        return f"this user may not look into process {pid}, which has more rights than this one or keeps to itself"
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = str(owner)
    return f"process {pid} is another user's ({name}): only that user and root can see its trees"


def _read(pid: int) -> dict[str, Any] | None:
    """Return what a process tells of its trees; None when it tells nothing, or is a copy of the one that does."""
    for path in _boards(pid):
        for _ in range(_TRIES):
            try:
                with open(path, "rb") as file:
                    data = file.read()
                content = board.unpack(data) if data else {"pid": pid, "time": 0.0, "trees": []}
            except ValueError as error:
                raise _Refusal(f"process {pid}: {error}") from None
            except OSError:
                return None  # it has just ended
            if content is not None:
                return content if content["pid"] == pid else None
            time.sleep(_PAUSE)
        raise _Refusal(f"process {pid} was stopped while it wrote down its trees; try again when it runs")
    return None


def _boards(pid: int) -> Iterator[str]:
    folder = f"/proc/{pid}/fd"
    try:
        numbers = os.listdir(folder)
    except OSError:
        return
    for number in numbers:
        try:
            target = os.readlink(f"{folder}/{number}")
        except OSError:
            continue
        if target.startswith(f"/memfd:{board.NAME}"):
            yield f"{folder}/{number}"


def _owner_of(pid: int) -> int | None:
    """Return the process whose tree this one belongs to: by descent, else since it is listed there."""
    ancestor = _parent_of(pid)
    for _ in range(_ANCESTORS):
        if ancestor < 2:
            break
        if _read(ancestor) is not None:
            return ancestor
        ancestor = _parent_of(ancestor)
    for name in os.listdir("/proc"):
        content = _read(int(name)) if name.isdigit() else None
        if content is not None and any(row["pid"] == pid for row in _rows(content["trees"])):
            return int(name)
    return None


def _parent_of(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(") ")[2].split()[1])
    except OSError:
        return 0


def _rows(children: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield all children below the given trees or supervisors."""
    for parent in children:
        for row in parent.get("children", []):
            yield row
            yield from _rows([row])


def _look_at(row: dict[str, Any], own_pid: int) -> None:
    """Add what the kernel knows of a child now, which may be more than its program has written down."""
    pid = row["pid"]
    if pid is None or pid == own_pid:
        return
    row["memory_bytes"] = memory_of(pid)
    if row["memory_bytes"] is None or not _lives(pid):
        row["state"] = "gone"


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(") ")[2][:1] not in "ZX"
    except OSError:
        return False
