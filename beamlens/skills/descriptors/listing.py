"""The open descriptors of a process, grouped by what they are: read from /proc, which costs that process nothing."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from beamlens.skills.descriptors.sockets import Sockets, read_sockets

__all__ = ["Kind", "Listing", "pattern_of", "read_descriptors", "read_limit"]

Kind = Literal["file", "socket", "pipe", "device", "other"]

_DIGITS: Final = re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b|\d+")
_SOCKET: Final = re.compile(r"socket:\[(\d+)\]")
_MOST: Final = 20_000
_PARTS: Final = 3
_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class Listing:
    """Hold what was open at one moment.

    Args:
        open: how many descriptors.
        kinds: how many of each kind.
        groups: how many of each group: a kind and what it is open on, with digits as `#`.
        kind_of: the kind of each group.
        states: how many TCP sockets of each state.
        examples: a few descriptors' numbers of each group, the highest.
        unsent, unread: bytes in sockets of each group that were not sent, or not read; of listening ones `unread`
            counts connections that nobody has accepted yet.
        examined: how many were looked at; fewer than `open` where there are too many.
    """

    open: int
    kinds: Counter[str] = field(default_factory=Counter)
    groups: Counter[str] = field(default_factory=Counter)
    kind_of: dict[str, Kind] = field(default_factory=dict)
    states: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[int]] = field(default_factory=dict)
    unsent: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    examined: int = 0


def read_descriptors(pid: int) -> Listing | None:
    """Return the open descriptors of a process; None where there is no /proc, or it may not be read.

    Args:
        pid: of the process.
    """
    folder = f"/proc/{pid}/fd"
    try:
        numbers = sorted((int(name) for name in os.listdir(folder)), reverse=True)
        root = os.readlink(f"/proc/{pid}/cwd")
    except (OSError, ValueError):
        return None
    listing = Listing(open=len(numbers), examined=min(_MOST, len(numbers)))
    sockets = read_sockets(pid)
    for number, target in _targets(folder, numbers[:_MOST]):
        kind, group = _group(target, root, sockets)
        listing.kinds[kind] += 1
        listing.groups[group] += 1
        listing.kind_of[group] = kind
        examples = listing.examples.setdefault(group, [])
        if len(examples) < _EXAMPLES:
            examples.append(number)
        state = sockets.state(_inode(target))
        if state is not None:
            listing.states[state] += 1
        queues = sockets.queues(_inode(target))
        if queues is not None:
            listing.unsent[group] += queues.unsent
            listing.unread[group] += queues.unread
    return listing


def read_limit(pid: int) -> int | None:
    """Return how many descriptors a process may have open; None where that cannot be told, or is not bounded.

    Args:
        pid: of the process.
    """
    try:
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("Max open files"))
    except (OSError, StopIteration):
        return None
    soft = line.split()[3]
    return int(soft) if soft.isdigit() else None


def pattern_of(path: str, root: str) -> str:
    """Return a file's name as a group has it: relative to the program's directory, or its last parts; digits as `#`.

    Args:
        path: absolute.
        root: the directory that the program works in.
    """
    inside = root.rstrip("/") + "/"
    shown = path[len(inside) :] if path.startswith(inside) else "/".join(path.split("/")[-_PARTS:])
    return _DIGITS.sub("#", shown)[-200:]


def _targets(folder: str, numbers: Iterable[int]) -> Iterator[tuple[int, str]]:
    for number in numbers:
        try:
            yield number, os.readlink(f"{folder}/{number}")
        except OSError:
            continue  # closed meanwhile


def _inode(target: str) -> str:
    found = _SOCKET.match(target)
    return found[1] if found is not None else ""


def _group(target: str, root: str, sockets: Sockets) -> tuple[Kind, str]:
    if target.startswith("socket:"):
        return "socket", f"socket {sockets.describe(_inode(target))}"
    if target.startswith("pipe:"):
        return "pipe", "pipe"
    if target.startswith("anon_inode:"):
        return "other", target.partition(":")[2].strip("[]")
    if target.startswith("/memfd:"):
        return "other", "memory file"
    if target.startswith("/dev/"):
        return "device", f"device {_DIGITS.sub('#', target)}"
    if target.startswith("/"):
        return "file", f"file {pattern_of(target.removesuffix(' (deleted)'), root)}"
    return "other", _DIGITS.sub("#", target)[:100]
