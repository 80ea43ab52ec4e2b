"""One snapshot of several processes: what each says, by its name, and in sum what may be added up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from beamlens.probe.messages import Answer, Failed
from beamlens.probe.plain import SIZE

__all__ = ["NodeReply", "merged"]

_MANY: Final = 1.02  # what a number takes as JSON beside what was counted of it: commas and the like


@dataclass(frozen=True, slots=True)
class NodeReply:
    """Say what came of asking one process.

    Args:
        name: of the node.
        pid: its process.
        answer: None where it did not answer in its time.
        silent_seconds: since it was heard last.
    """

    name: str
    pid: int
    answer: Answer | Failed | None
    silent_seconds: float = 0.0


def merged(replies: Sequence[NodeReply], additive: Iterable[str], size: int = SIZE) -> Answer | Failed:
    """Return the snapshot of all nodes, as an answer that cost what theirs cost together.

    Args:
        replies: of all nodes, the own one first.
        additive: paths of the figures that may be added up, such as `memory.rss_mb`.
        size: bytes of JSON that the snapshots may have together; nodes beyond it are named under `left_out`.

    Returns:
        `node_count`, `nodes` (name, pid and snapshot of each that answered), `sum` (by path), `silent`, `failed`; or
        the first node's failure where none answered.
    """
    answered = [(reply, reply.answer) for reply in replies if isinstance(reply.answer, Answer)]
    failed = [(reply, reply.answer) for reply in replies if isinstance(reply.answer, Failed)]
    if not answered and failed:
        return failed[0][1]
    shown = _fitting([(reply, answer.value) for reply, answer in answered], size)
    value: dict[str, Any] = {
        "node_count": len(replies),
        "nodes": [{"name": reply.name, "pid": reply.pid, "snapshot": data} for reply, data in shown],
        "sum": _sums([answer.value for _, answer in answered], additive),
        "silent": [
            {"name": reply.name, "pid": reply.pid, "seconds": round(reply.silent_seconds, 1)}
            for reply in replies
            if reply.answer is None
        ],
        "failed": [{"name": reply.name, "kind": answer.kind, "text": answer.text[:300]} for reply, answer in failed],
    }
    if len(shown) < len(answered):
        value["left_out"] = [reply.name for reply, _ in answered[len(shown) :]]
    # They ran at the same time: the look took as long as the slowest, and cost what all of them spent.
    return Answer(
        value,
        max((answer.seconds for _, answer in answered), default=0.0),
        sum(answer.cpu_seconds for _, answer in answered),
    )


def _fitting(given: list[tuple[NodeReply, Any]], size: int) -> list[tuple[NodeReply, Any]]:
    shown: list[tuple[NodeReply, Any]] = []
    for reply, data in given:
        size -= int(_MANY * len(json.dumps(data)))
        if size < 0 and shown:
            break
        shown.append((reply, data))
    return shown


def _sums(snapshots: Sequence[Any], additive: Iterable[str]) -> dict[str, float | int]:
    found: dict[str, float | int] = {}
    for path in additive:
        numbers = [number for data in snapshots if (number := _number(data, path)) is not None]
        if numbers:
            total = sum(numbers)
            found[path] = round(total, 3) if isinstance(total, float) else total
    return found


def _number(data: Any, path: str) -> float | int | None:
    for segment in path.split("."):
        data = data.get(segment) if isinstance(data, Mapping) else None
    return data if isinstance(data, int | float) and not isinstance(data, bool) else None
