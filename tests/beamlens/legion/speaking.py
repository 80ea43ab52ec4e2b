"""Agents whose tool emits events: by itself, from a thread, from a task."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from beamlens import legion
from beamlens.legion import telemetry


def _emit(where: str) -> None:
    telemetry.emit(("legion", "x"), {}, {"where": where})


class Voice:
    """Speak."""

    def speak(self) -> int:
        """Emit three events."""
        _emit("tool")
        context = contextvars.copy_context()
        thread = threading.Thread(target=lambda: context.run(_emit, "thread"))
        thread.start()
        thread.join()
        asyncio.run(_later())
        return 3


async def _later() -> None:
    _emit("task")


class Echo(legion.Agent):
    """You speak."""

    def tools(self) -> Sequence[Any]:
        return [Voice]


class Speaker(legion.Agent):
    """You speak and have others speak."""

    def tools(self) -> Sequence[Any]:
        return [Voice, legion.AgentTool]

    def tool_config(self, tool: Any) -> Mapping[str, Any]:
        return {"agents": [Echo]} if tool is legion.AgentTool else {}
