"""A supervision tree drawn as text: states, pids, restarts, memory."""

from __future__ import annotations

from typing import Any

from supervision.tree.nested_runner import NestedRunner
from supervision.tree.performer import Performer

__all__ = ["describe_tree", "render"]


def describe_tree(performer: Performer) -> dict[str, Any]:
    """Return a supervisor and all below it as plain values. Loop thread."""
    children = [_describe_child(performer, key) for key in performer.state.children]
    return {
        "name": performer.name,
        "strategy": performer.state.flags.strategy,
        "state": "stopped" if performer.state.finished else "running",
        "children": children,
    }


def _describe_child(performer: Performer, key: Any) -> dict[str, Any]:
    child = performer.state.children[key]
    entry = performer.entries.get(key)
    runner = entry.runner if entry is not None else None
    row = {
        "id": str(child.spec.id),
        "state": "running" if child.status == "up" else child.status,
        "type": child.spec.type,
        "restart": child.spec.restart,
        "restarts": max(0, entry.restarts) if entry is not None else 0,
        "pid": runner.pid if runner is not None and not runner.gone else None,
    }
    if isinstance(runner, NestedRunner) and runner.performer is not None and not runner.gone:
        row |= {
            "strategy": runner.performer.state.flags.strategy,
            "children": describe_tree(runner.performer)["children"],
        }
    return row


def render(tree: dict[str, Any], own_pid: int) -> str:
    """Return the drawing of what `describe_tree` returned.

    Args:
        tree: the description.
        own_pid: the application's process: what has this pid is a thread or a supervisor in it.
    """
    lines = [f"{tree['name']}  supervisor, {tree['strategy']}, {tree['state']}, in process {own_pid}"]
    _draw(tree["children"], "", own_pid, lines)
    return "\n".join(map(_printable, lines))


def _printable(line: str) -> str:
    """Return a line of which no name can move a terminal's cursor, or begin another line: root may look at it."""
    return line if line.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def _draw(children: list[dict[str, Any]], indent: str, own_pid: int, lines: list[str]) -> None:
    for number, row in enumerate(children):
        last = number == len(children) - 1
        lines.append(f"{indent}{'└─ ' if last else '├─ '}{_line(row, own_pid)}")
        _draw(row.get("children", []), indent + ("   " if last else "│  "), own_pid, lines)


def _line(row: dict[str, Any], own_pid: int) -> str:
    parts = [row["id"], row["state"]]
    if "strategy" in row:
        parts.append(f"supervisor, {row['strategy']}")
    elif row["pid"] == own_pid:
        parts.append("thread")
    elif row["pid"] is not None:
        parts.append(f"pid {row['pid']}")
        memory = memory_of(row["pid"])
        if memory is not None:
            parts.append(f"{memory / 2**20:.1f} MB")
    if row["restarts"]:
        parts.append(f"{row['restarts']} restart{'s' if row['restarts'] > 1 else ''}")
    return "  ".join(parts)


def memory_of(pid: int) -> int | None:
    """Return the memory that a process has for itself alone (USS), in bytes; None where it cannot be read."""
    total = 0
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for line in file:
                if line.startswith(("Private_Clean:", "Private_Dirty:")):
                    total += int(line.split()[1]) * 1024
    except OSError:
        return None
    return total
