"""The skill `asyncio`: event loops, what blocks them, and the tasks in them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from beamlens.skills.checks import Check
from beamlens.skills.eventloop.births import task_births
from beamlens.skills.eventloop.board import Board, default_directory
from beamlens.skills.eventloop.checks import CHECKS
from beamlens.skills.eventloop.dumps import SignalDumps
from beamlens.skills.eventloop.tasks import TaskHistory, task_cycles, task_waits, unretrieved
from beamlens.skills.eventloop.texts import DOCS, SYSTEM_PROMPT
from beamlens.skills.eventloop.unawaited import unawaited
from beamlens.skills.eventloop.watch import LoopsWatch
from beamlens.skills.interpreter.threads import threads_by_ident
from beamlens.skills.skill import Skill
from beamlens.skills.waits.limits import rows
from beamlens.skills.waits.ticker import Look, Pace, ticker

__all__ = ["Asyncio"]

_GRACE: Final = 0.1
_SHOWN_GROWING: Final = 5
_CYCLES_SECONDS: Final = 5.0


class Asyncio(Skill):
    """Watch the event loops of the application's process and their tasks; nothing needs to be registered.

    Args:
        dump_signal: a signal that nothing in the program uses, such as `signal.SIGUSR2`. With it the loops' beats are
            stamped in shared memory, and the skill `loop_blocks`, in an operator's process, names the blocking line
            even while C code holds the interpreter lock. None: no signal is touched.
        directory: of the shared memory's files; None for the usual place.
    """

    id: ClassVar[str] = "asyncio"
    title: ClassVar[str] = "Event loops and tasks"
    description: ClassVar[str] = (
        "asyncio: event loop lag, what blocks a loop and for how long, tasks by where they wait and who created them, "
        "tasks that leak, coroutines never awaited"
    )
    system_prompt: ClassVar[str] = SYSTEM_PROMPT
    additive: ClassVar[tuple[str, ...]] = ("tasks.count", "unawaited.total")

    def __init__(self, dump_signal: int | None = None, directory: str | None = None) -> None:
        self._signal = dump_signal
        self._directory = Path(directory) if directory is not None else default_directory()
        self._board: Board | None = None
        self._dumps: SignalDumps | None = None
        self._loops = LoopsWatch(self._stamp_for if dump_signal is not None else None)
        self._tasks = TaskHistory()
        self._cycles = 0
        self._paces: list[Pace] = []

    def start(self) -> None:
        """Start to look for loops and tasks.

        Raises:
            SkillError: `refused`: the signal is in use, or the directory somebody else's.
        """
        if self._signal is not None:
            self._board = Board(self._directory)
            self._dumps = SignalDumps(self._signal, self._board.stacks_path)
            self._board.announce(self._signal)
        task_births.begin()
        unawaited.begin()
        self._paces = [
            ticker.add(self._look_at_loops, 0.1),
            ticker.add(self._look_at_tasks, 1.0),
            ticker.add(self._look_for_cycles, _CYCLES_SECONDS),
        ]

    def stop(self) -> None:
        """Stop looking and put back the timers, wrappers and the signal."""
        if self._paces:
            for pace in self._paces:
                ticker.remove(pace)
            self._paces = []
            self._loops.end()
            task_births.end()
            unawaited.end()
        if self._board is not None:
            self._board.announce(0)
        if self._dumps is not None:
            # Somebody may have read a moment ago that the signal can be sent; without a handler it would kill.
            time.sleep(_GRACE)
            self._dumps.close()
            self._dumps = None
        if self._board is not None:
            self._board.close()
            self._board = None

    def checks(self) -> Sequence[Check]:
        """Return what is wrong with any program of which it holds."""
        return CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all of them only look."""
        return {
            "asyncio_loops": self.loops,
            "asyncio_blocks": self.blocks,
            "asyncio_tasks": self.tasks,
            "asyncio_oldest_tasks": self.oldest_tasks,
            "asyncio_waits": self.waits,
            "asyncio_unawaited": self.unawaited,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return how the loops and tasks stand; about a millisecond."""
        began = time.perf_counter()
        data: dict[str, Any] = {
            "loops": self._loops.snapshot(threads_by_ident()),
            "tasks": {
                "count": self._tasks.count,
                "oldest_seconds": _rounded(self._tasks.oldest_seconds),
                "growing": self._tasks.growing()[:_SHOWN_GROWING],
                "cycles": self._cycles,
            },
            "unawaited": {"total": unawaited.total, "last_minute": unawaited.last_minute()},
            "collector": [pace.snapshot() for pace in self._paces],
            "missing": self._missing(),
        }
        data["cost_ms"] = round((time.perf_counter() - began) * 1e3, 3)
        return data

    def _missing(self) -> list[str]:
        missing = []
        if "asyncio" not in sys.modules:
            missing.append("loops: the application has not imported asyncio")
        if self._signal is None:
            missing.append("blocks in C code: named when they end; while they last only with dump_signal")
        if not unawaited.supported:
            missing.append("unawaited: this Python does not tell of coroutines never awaited")
        return missing

    def loops(self) -> list[dict[str, Any]]:
        """Return how each loop stands."""
        return self._loops.snapshot(threads_by_ident())

    def blocks(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the last blocks."""
        return self._loops.blocks(rows("asyncio_blocks", limit))

    def tasks(self, limit: int = 20) -> dict[str, Any]:
        """Return the tasks in groups."""
        return self._tasks.groups(rows("asyncio_tasks", limit), self._loops.loops())

    def oldest_tasks(self, limit: int = 10) -> list[dict[str, Any]]:
        """Return the oldest tasks."""
        return self._tasks.oldest(rows("asyncio_oldest_tasks", limit), self._loops.loops())

    def waits(self, limit: int = 20) -> dict[str, Any]:
        """Return which tasks wait for which."""
        shown = rows("asyncio_waits", limit)
        edges, count = task_waits(shown, self._loops.loops())
        cycles = task_cycles(self._loops.loops())[:shown]
        return {"edges": edges, "edges_not_shown": count - len(edges), "cycles": cycles}

    def unawaited(self, limit: int = 10) -> dict[str, Any]:
        """Return coroutines that were never awaited, and tasks whose exceptions were never asked for."""
        shown = rows("asyncio_unawaited", limit)
        failed, functions = unretrieved(shown)
        return {"coroutines": unawaited.rows(shown), "failed": failed, "failed_functions": functions}

    # -- the ticker's thread ------------------------------------------------------------------------

    def _look_at_loops(self, look: Look) -> None:
        task_births.refill()
        self._loops.look(look)
        if self._board is not None:
            self._board.looked(time.monotonic_ns())

    def _look_at_tasks(self, look: Look) -> None:
        self._tasks.look(look, self._loops.loops())

    def _look_for_cycles(self, _look: Look) -> None:
        self._cycles = len(task_cycles(self._loops.loops()))

    def _stamp_for(
        self, ident: int, thread: threading.Thread | None
    ) -> tuple[Callable[[int], None], Callable[[], None]] | None:
        if self._board is None:
            return None
        return self._board.slot(ident, thread.name if thread is not None else f"thread {ident}")


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
