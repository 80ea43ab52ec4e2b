"""Read the kernel's small text files; what is missing or cannot be read is None."""

from __future__ import annotations

from pathlib import Path

__all__ = ["fields_of", "number_in", "text_of", "values_of"]


def text_of(path: str | Path) -> str | None:
    """Return a file's text, None if it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def number_in(path: str | Path) -> int | None:
    """Return the whole number that a file holds; None for `max`, for anything else, or without the file."""
    text = (text_of(path) or "").strip()
    return int(text) if text.isdigit() else None


def fields_of(path: str | Path) -> dict[str, int]:
    """Return the numbers of a file with a name and a number on each line: /proc/vmstat, cpu.stat, memory.events."""
    pairs = (line.split() for line in (text_of(path) or "").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].lstrip("-").isdigit()}


def values_of(path: str | Path) -> dict[str, int]:
    """Return the numbers of a file with `Name: number unit` on each line: /proc/meminfo, /proc/PID/status."""
    found = {}
    for line in (text_of(path) or "").splitlines():
        name, _, rest = line.partition(":")
        parts = rest.split()
        if parts and parts[0].isdigit():
            found[name] = int(parts[0])
    return found
