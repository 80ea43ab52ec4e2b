"""The machine's memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from beamlens.skills.machine.files import fields_of, values_of

__all__ = ["machine_memory"]

_KIB_IN_MB = 1024.0


def machine_memory(proc: Path) -> dict[str, Any]:
    """Return the machine's memory in MB, from /proc/meminfo, else from psutil; None where it is not told.

    Args:
        proc: where /proc is.
    """
    told = values_of(proc / "meminfo")
    counters = fields_of(proc / "vmstat")
    if not told:
        return _portable() | _counters(counters)

    def mb(name: str) -> float | None:
        return round(told[name] / _KIB_IN_MB, 1) if name in told else None

    total, available = told.get("MemTotal"), told.get("MemAvailable")
    swap, swap_free = told.get("SwapTotal"), told.get("SwapFree")
    return {
        "total_mb": mb("MemTotal"),
        "available_mb": mb("MemAvailable"),
        "free_mb": mb("MemFree"),
        "buffers_mb": mb("Buffers"),
        "cached_mb": mb("Cached"),
        "available_part": round(available / total, 4) if total and available is not None else None,
        "swap_mb": mb("SwapTotal"),
        "swap_used_part": round(1 - swap_free / swap, 4) if swap and swap_free is not None else None,
    } | _counters(counters)


def _counters(counters: dict[str, int]) -> dict[str, Any]:
    return {
        "swapped_in_pages_total": counters.get("pswpin"),
        "swapped_out_pages_total": counters.get("pswpout"),
        "oom_kills_total": counters.get("oom_kill"),
    }


def _portable() -> dict[str, Any]:
    # Only where there is no /proc; this runs in the operator's process.
    import psutil

    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return {
        "total_mb": round(memory.total / 2**20, 1),
        "available_mb": round(memory.available / 2**20, 1),
        "free_mb": round(memory.free / 2**20, 1),
        "buffers_mb": None,
        "cached_mb": None,
        "available_part": round(memory.available / memory.total, 4),
        "swap_mb": round(swap.total / 2**20, 1),
        "swap_used_part": round(swap.percent / 100, 4) if swap.total else None,
    }
