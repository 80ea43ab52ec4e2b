"""The ten tools of an operator, as a model sees them."""

from __future__ import annotations

from typing import Final

from beamlens.agent.tool_schema import text, texts, tool, whole_number
from beamlens.domain.notification import SEVERITIES
from beamlens.domain.status import HEALTH_STATES

__all__ = ["MAX_WAIT_MS", "TOOLS"]

MAX_WAIT_MS: Final = 600_000

TOOLS: Final = (
    tool(
        "set_state",
        "Say how healthy the subject is now.",
        ("state", "reason"),
        state=text("The state.", one_of=HEALTH_STATES),
        reason=text("The facts that this state rests on."),
    ),
    tool(
        "send_notification",
        "Report one finding. Facts go into context and observation, guesses only into hypothesis. "
        "Every finding needs the ids of the snapshots that prove it.",
        ("type", "context", "observation", "severity", "snapshot_ids"),
        type=text("What kind of anomaly, such as memory_growth."),
        context=text("Facts about the surroundings."),
        observation=text("The fact that was seen, with numbers."),
        hypothesis=text("A guess at the cause; leave it out without one."),
        severity=text("How bad it is.", one_of=SEVERITIES),
        snapshot_ids=texts("Ids of snapshots that were taken in this run."),
        entities=texts("Names that findings of others may share: a file and line, a host, a route, a lock."),
        cause=text("The key of the cause that this would be a sign of, such as memory_leak."),
        remedy=text("What to do about it, in a sentence."),
    ),
    tool("get_notifications", "List the notifications of this run."),
    tool("take_snapshot", "Look at the subject now; the snapshot gets an id."),
    tool("get_snapshot", "Show a snapshot of this run again.", ("id",), id=text("The snapshot's id.")),
    tool(
        "get_snapshots",
        "List snapshots of this run, oldest first.",
        limit=whole_number("How many at most.", 1, 100),
        offset=whole_number("How many to leave out at the beginning.", 0, 10_000),
    ),
    tool(
        "execute",
        "Run Lua code that looks closer. It can call the documented functions and nothing else, keeps nothing "
        "between two calls, and gives what it returns.",
        ("code",),
        code=text("Lua 5.4; `return` the result."),
    ),
    tool("wait", "Wait before the next step.", ("ms",), ms=whole_number("Milliseconds.", 1, MAX_WAIT_MS)),
    tool("think", "Write down a thought.", ("thought",), thought=text("The thought.")),
    tool("done", "End the investigation."),
)
