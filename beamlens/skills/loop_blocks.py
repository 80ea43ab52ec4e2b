"""The skill `loop_blocks`, which runs in the operator's process: it sees a block even while nothing else runs there.

The application runs the skill `asyncio` with a signal, `(Asyncio, {"dump_signal": signal.SIGUSR2})`; beside it an
operator has this one, `"loop_blocks"`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from beamlens.skills.checks import Check, Threshold
from beamlens.skills.eventloop.board import default_directory
from beamlens.skills.eventloop.onlooker import Onlooker
from beamlens.skills.skill import RunsIn, Skill
from beamlens.skills.waits.limits import rows

__all__ = ["LoopBlocks"]

_CHECKS: Final = (
    Check(
        name="loop_stuck_in_c",
        when=Threshold("loops.*.blocked_ms", ">=", 1500),
        also=(Threshold("loops.*.blocked_now.looks", ">=", 1),),
        severity="critical",
        observation=(
            "The event loop in thread {key} has been blocked for {value} ms, at {loops.*.blocked_now.at} in "
            "{loops.*.blocked_now.func}, as seen from outside of the process"
        ),
        cause="loop_blocked",
        entities=("{loops.*.blocked_now.at}", "{loops.*.blocked_now.func}"),
        remedy="Move what is done at {loops.*.blocked_now.at} off the event loop's thread, or into another process.",
    ),
)


class LoopBlocks(Skill):
    """Name the line that blocks an event loop while it does, also when C code holds the interpreter lock.

    Args:
        directory: where the application stamps; None for the usual place.
    """

    id: ClassVar[str] = "loop_blocks"
    title: ClassVar[str] = "Event loop blocks, seen from outside"
    description: ClassVar[str] = "Event loops that are blocked right now, by which line, even when C code holds the GIL"
    system_prompt: ClassVar[str] = """\
You watch the event loops of a Python application from another process, by a heartbeat in shared memory. `blocked_now`
of a loop names the line that blocks it at this moment, `loop_blocks_recent` the last blocks with their stacks. What is
missing says why nothing can be seen; never take that for health."""
    runs_in: ClassVar[RunsIn] = "operator"

    def __init__(self, directory: str | None = None) -> None:
        self._directory = Path(directory) if directory is not None else default_directory()
        self._onlooker: Onlooker | None = None

    def start(self) -> None:
        """Start to look at the beats."""
        self._onlooker = Onlooker(self.pid, self._directory)
        self._onlooker.start()

    def stop(self) -> None:
        """Stop looking."""
        if self._onlooker is not None:
            self._onlooker.stop()

    def snapshot(self) -> dict[str, Any]:
        """Return the loops and what blocks them."""
        return self._looking().snapshot()

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks."""
        return {"loop_blocks_recent": self.recent}

    def recent(self, limit: int = 10) -> list[dict[str, Any]]:
        """Return the last blocks."""
        return self._looking().recent(rows("loop_blocks_recent", limit))

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return """\
### loop_blocks_recent(limit)
The last blocks, newest first: `ms` (exact to 25), `over`, `at`, `func`, `stack` (innermost first), `looks` (times that
the stacks were asked for), `ago_seconds`, `name` of the loop's thread. `limit` 1 to 50, default 10.

```lua
local b = loop_blocks_recent(1)[1]
return b and {b.ms, b.at}
```
"""

    def checks(self) -> Sequence[Check]:
        """Return what is wrong with any program of which it holds."""
        return _CHECKS

    def _looking(self) -> Onlooker:
        assert self._onlooker is not None, "start() comes before the first snapshot"
        return self._onlooker
