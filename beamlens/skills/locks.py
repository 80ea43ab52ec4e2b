"""The skill `locks`: who waits for which lock, who holds it, and deadlocks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType, FunctionType, ModuleType
from typing import Any, ClassVar

from beamlens.errors import SkillError
from beamlens.skills.checks import Check
from beamlens.skills.interpreter.holders import class_names, namespace
from beamlens.skills.interpreter.locks import LockHistory
from beamlens.skills.interpreter.places import shown_file
from beamlens.skills.interpreter.with_locks import lock_blocks, supported
from beamlens.skills.locking.checks import CHECKS
from beamlens.skills.locking.graph import WaitGraph
from beamlens.skills.locking.texts import DOCS, SYSTEM_PROMPT
from beamlens.skills.skill import Skill
from beamlens.skills.waits.limits import rows
from beamlens.skills.waits.ticker import Look, Pace, ticker

__all__ = ["Locks"]


class Locks(Skill):
    """Watch the locks of the application's threads; nothing needs to be registered."""

    id: ClassVar[str] = "locks"
    title: ClassVar[str] = "Locks"
    description: ClassVar[str] = (
        "Locks: which threads wait for which, who holds it and what it does meanwhile, locks held over I/O, deadlocks"
    )
    system_prompt: ClassVar[str] = SYSTEM_PROMPT
    additive: ClassVar[tuple[str, ...]] = ("waiting",)

    def __init__(self) -> None:
        self._history = LockHistory()
        self._graph = WaitGraph()
        self._paces: list[Pace] = []

    def start(self) -> None:
        """Start to look at the threads."""
        self._paces = [ticker.add(self._look_at_tops, 0.1), ticker.add(self._graph.look, 0.5)]

    def stop(self) -> None:
        """Stop looking."""
        for pace in self._paces:
            ticker.remove(pace)
        self._paces = []

    def checks(self) -> Sequence[Check]:
        """Return what is wrong with any program of which it holds."""
        return CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all of them only look."""
        return {
            "locks_deadlocks": self.deadlocks,
            "locks_waiting": self.waiting,
            "locks_contended": self.contended,
            "locks_in_code": self.in_code,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return who waits, the worst lock and deadlocks; well below a millisecond."""
        began, now = time.perf_counter(), time.monotonic()
        waiters = self._graph.waiters
        data: dict[str, Any] = {
            "waiting": len(waiters) if supported() else None,
            "longest_wait_seconds": round(now - waiters[0].since, 1) if waiters else 0.0,
            "longest": waiters[0].told(now) if waiters else None,
            "deadlocks": self.deadlocks(),
            "worst": self._history.snapshot()["worst"],
            "collector": [pace.snapshot() for pace in self._paces],
            "missing": [] if supported() else ["locks: the bytecode of this Python's with statements is not known"],
        }
        data["cost_ms"] = round((time.perf_counter() - began) * 1e3, 3)
        return data

    def deadlocks(self) -> list[dict[str, Any]]:
        """Return the circles of threads that wait for each other."""
        now = time.monotonic()
        return [each.told(now) for each in self._graph.deadlocks]

    def waiting(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the threads that wait for a lock, the longest first."""
        now = time.monotonic()
        return [each.told(now) for each in self._graph.waiters[: rows("locks_waiting", limit)]]

    def contended(self, limit: int = 10) -> list[dict[str, Any]]:
        """Return the locks that are waited for the most."""
        shown = rows("locks_contended", limit)
        return self._history.contended(shown) if self._paces and self._paces[0].looks else []

    def in_code(self, name: str) -> list[dict[str, Any]]:
        """Return where a function takes locks."""
        code = _code_named(name)
        return [
            {"lock": block.expression, "line": f"{shown_file(code.co_filename)}:{line}", "func": code.co_qualname}
            for block in lock_blocks(code)
            if (line := _line_at(code, block.enters)) is not None
        ]

    def _look_at_tops(self, look: Look) -> None:
        self._history.look(look.now, look.frames, look.native_ids)


def _code_named(name: str) -> CodeType:
    """Return the code of a loaded function; attributes are looked up without running anything.

    Raises:
        SkillError: `bad_arguments`: there is none of that name.
    """
    value: Any = None
    for at, module in _modules_of(name):
        value = module
        for part in name.split(".")[at:]:
            value = _member(value, part)
        if isinstance(value, FunctionType):
            return value.__code__
    raise SkillError(
        "bad_arguments",
        f"locks_in_code: there is no loaded function {name[:200]!r}; 'shop.stock.Stock.take' would be one",
    )


def _modules_of(name: str) -> Iterator[tuple[int, ModuleType]]:
    parts = name.split(".")[:20]
    for at in range(len(parts), 0, -1):
        module = sys.modules.get(".".join(parts[:at]))
        if isinstance(module, ModuleType):
            yield at, module


def _member(value: Any, name: str) -> Any:
    if isinstance(value, ModuleType):
        return namespace(value).get(name)
    found = class_names(value).get(name) if isinstance(value, type) else None
    return found.__func__ if isinstance(found, staticmethod | classmethod) else found


def _line_at(code: CodeType, offset: int) -> int | None:
    return next((line for first, last, line in code.co_lines() if first <= offset < last), None)
