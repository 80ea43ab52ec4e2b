"""Two skills for a whole tree: tables of which one grows, and tables of which none does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from beamlens.skills.checks import Check, Threshold, Trend
from beamlens.skills.skill import Skill

CHECK = Check(
    "table_growth",
    Trend("tables.*.rows", least_change=100, snapshots=4),
    "table {key} grew from {first} to {last} rows; {drill.keeper} keeps it",
    drill="local found, why = {id}_keeper(check.key); return {keeper = found, why = why, rows = check.last}",
    confirm=Threshold("rows", ">", 0),
    cause="cache_growth",
    entities=("{drill.keeper}",),
)
ORDERS = 'or"ders'  # a name that would end a text of Lua


class Tables(Skill):
    """Show a table that grows and one that does not."""

    id = "tables"
    title = "Tables"
    description = "Tables and their rows"
    system_prompt = "You watch tables."
    step = 100

    def __init__(self) -> None:
        self._looks = 0

    def snapshot(self) -> Mapping[str, Any]:
        self._looks += 1
        return {"tables": [{"name": ORDERS, "rows": self._looks * self.step}, {"name": "users", "rows": 7}]}

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        return {f"{self.id}_keeper": self.keeper}

    def keeper(self, name: str) -> str:
        """Return who keeps a table."""
        if name != ORDERS:
            raise ValueError(f"there is no table {name}")
        return "shop/orders.py:9"

    def checks(self) -> tuple[Check, ...]:
        assert CHECK.drill is not None
        return (replace(CHECK, drill=CHECK.drill.replace("{id}", self.id)),)


class Quiet(Tables):
    """Show nothing that grows."""

    id = "quiet"
    step = 0


class Broken(Tables):
    """Show nothing at all."""

    id = "broken"

    def snapshot(self) -> Mapping[str, Any]:
        raise RuntimeError("no tables today")
