"""Pressure stall information: the part of time in which work stood still for want of a resource."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from beamlens.skills.machine.files import text_of

__all__ = ["pressure"]

_RESOURCES: Final = ("cpu", "memory", "io")


def pressure(directory: Path) -> dict[str, dict[str, float] | None]:
    """Return for each resource `some_avg10`, `full_avg10` and so on, in per cent, and `some_seconds_total`.

    None for a resource of which the kernel does not tell. Source: the kernel's Documentation/accounting/psi.rst.

    Args:
        directory: /proc/pressure.
    """
    return {name: _parsed(text_of(directory / name)) for name in _RESOURCES}


def _parsed(text: str | None) -> dict[str, float] | None:
    if not text:
        return None
    found: dict[str, Any] = {}
    for line in text.splitlines():
        kind, *pairs = line.split()
        told = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        for name in ("avg10", "avg60"):
            if name in told:
                found[f"{kind}_{name}"] = float(told[name])
        if "total" in told and kind == "some":
            found["some_seconds_total"] = round(int(told["total"]) / 1e6, 3)
    return found or None
