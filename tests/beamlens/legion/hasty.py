"""An agent that does not wait long for its store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beamlens import legion
from beamlens.legion import resources


def touch() -> str:
    """Touch something."""
    return "touched"


class Hasty(legion.Agent):
    """You have no patience."""

    def tools(self) -> Sequence[Any]:
        return [touch]

    def config(self) -> Mapping[str, Any]:
        resources._PATIENCE = 0.3  # type: ignore[misc]  # in the agent's own process
        return {"retry_waits": (0.0,), "interrupted": "rerun"}
