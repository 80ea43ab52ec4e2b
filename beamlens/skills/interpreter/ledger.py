"""Where the memory is: entries that add up to the resident size, and what their growth means. Pure but for `read`."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any, Final, Literal

from beamlens.skills.interpreter.allocators import Malloc, MallocGauge, Pymalloc, pymalloc_state
from beamlens.skills.interpreter.procfs import ProcessMemory, process_memory

__all__ = [
    "Ledger",
    "Verdict",
    "described",
    "entries",
    "free_bytes",
    "free_part",
    "megabytes",
    "read_ledger",
    "verdict",
]

Verdict = Literal["leak", "fragmentation", "native", "none", "unknown"]

_MIB: Final = 1 << 20
_GREW: Final = 4 * _MIB
_GREW_PART: Final = 0.02
_FREE_PART: Final = 0.5
_FREE_LEAST: Final = 64 * _MIB


@dataclass(frozen=True, slots=True)
class Ledger:
    """Hold what was read at one moment.

    Args:
        when: `time.monotonic()`.
        process, pymalloc, malloc: as far as the platform tells.
        blocks: live small blocks.
        missing: what could not be told, and why.
        cost_ms: what reading it took.
    """

    when: float
    process: ProcessMemory
    pymalloc: Pymalloc | None
    malloc: Malloc | None
    blocks: int
    missing: tuple[str, ...] = ()
    cost_ms: float = 0.0


def read_ledger(gauge: MallocGauge) -> Ledger:
    """Read a ledger; well below a millisecond of the application's time where the heap is ordinary.

    Args:
        gauge: asks `malloc` where that is cheap enough.
    """
    began = time.perf_counter()
    before = process_memory()
    pymalloc = pymalloc_state()
    anonymous, arenas = before.anonymous, pymalloc.arenas if pymalloc is not None else 0
    malloc, refusal = gauge.read(None if anonymous is None else max(0, anonymous - arenas))
    missing = [] if pymalloc is not None else ["pymalloc: this interpreter does not tell the state of its allocator"]
    missing += [refusal] if refusal is not None else []
    missing += [] if anonymous is not None else ["process: this platform tells the resident size only"]
    return Ledger(
        when=time.monotonic(),
        process=process_memory(),
        pymalloc=pymalloc,
        malloc=malloc,
        blocks=sys.getallocatedblocks(),
        missing=tuple(missing),
        cost_ms=round((time.perf_counter() - began) * 1e3, 3),
    )


def entries(ledger: Ledger) -> dict[str, int | None]:
    """Return the entries in bytes; those that are known add up to the resident size exactly.

    What the allocators hold is what they were given, not all of which must be resident (a large array that was not yet
    written to). `other_anonymous` is the rest: stacks, mappings of libraries; where it would be negative, that much
    is not resident and stands in `not_resident` as a negative entry.
    """
    process, pymalloc, malloc = ledger.process, ledger.pymalloc, ledger.malloc
    known = {
        "small_objects": pymalloc.used if pymalloc is not None else None,
        "pymalloc_free": pymalloc.free if pymalloc is not None else None,
        "malloc_used": malloc.used if malloc is not None else None,
        "malloc_free": malloc.free if malloc is not None else None,
        "files": process.files,
        "shared": process.shared,
    }
    rest = None if process.rss is None else process.rss - sum(value or 0 for value in known.values())
    return {
        **known,
        "other_anonymous": None if rest is None else max(0, rest),
        "not_resident": None if rest is None else min(0, rest),
    }


def verdict(before: Ledger, after: Ledger, growing: str | None = None) -> tuple[Verdict, str]:
    """Say what the growth between two ledgers is, and why in a sentence.

    Live small blocks that grow are objects that somebody keeps; free memory inside the allocators that grows, or is
    most of what there is, is fragmentation; the rest (`malloc`, other mappings) is native code or large buffers.

    Args:
        before, after: of one process.
        growing: a container that keeps growing meanwhile, if one is known.
    """
    if before.process.rss is None or after.process.rss is None:
        return "unknown", "the platform does not tell the resident size"
    grown = after.process.rss - before.process.rss
    old, new = entries(before), entries(after)
    fragmented = _fragmented(after)
    if grown < max(_GREW, _GREW_PART * before.process.rss):
        return fragmented or ("none", f"resident memory changed by {grown / _MIB:+.1f} MB only")
    changes = {
        "leak": _change(old, new, "small_objects"),
        "fragmentation": _change(old, new, "pymalloc_free") + _change(old, new, "malloc_free"),
        "native": _change(old, new, "malloc_used") + _change(old, new, "other_anonymous") + _change(old, new, "shared"),
    }
    if after.pymalloc is None or after.malloc is None:
        return "unknown", f"resident memory grew by {grown / _MIB:.1f} MB; {'; '.join(after.missing)}"
    return _largest(changes, grown, growing)


def _largest(changes: dict[str, int], grown: int, growing: str | None) -> tuple[Verdict, str]:
    part = f"of {grown / _MIB:.1f} MB growth"
    # A dict or list of many small objects is itself one large block of malloc's, so objects count first.
    if changes["leak"] >= 0.4 * grown:
        return "leak", f"{changes['leak'] / _MIB:.1f} MB {part} are small live objects that somebody keeps"
    if changes["fragmentation"] >= 0.5 * grown:
        return "fragmentation", f"{changes['fragmentation'] / _MIB:.1f} MB {part} are free memory in the allocators"
    if growing is not None:
        return "leak", f"{changes['native'] / _MIB:.1f} MB {part} are large objects or buffers, while {growing} grows"
    return "native", (
        f"{changes['native'] / _MIB:.1f} MB {part} are neither small objects nor free memory: native code, or large "
        "buffers such as bytes and arrays"
    )


def _change(before: dict[str, int | None], after: dict[str, int | None], name: str) -> int:
    old, new = before[name], after[name]
    return 0 if old is None or new is None else new - old


def free_bytes(ledger: Ledger) -> int:
    """Return what the allocators hold free."""
    now = entries(ledger)
    return (now["pymalloc_free"] or 0) + (now["malloc_free"] or 0)


def free_part(ledger: Ledger) -> float | None:
    """Return which part of the anonymous memory the allocators hold free, 0 to 1; None if not known."""
    anonymous = ledger.process.anonymous
    if not anonymous or ledger.pymalloc is None or ledger.malloc is None:
        return None
    return min(1.0, free_bytes(ledger) / anonymous)


def _fragmented(ledger: Ledger) -> tuple[Verdict, str] | None:
    free, part = free_bytes(ledger), free_part(ledger)
    if part is None or part < _FREE_PART or free < _FREE_LEAST:
        return None
    return "fragmentation", f"{free / _MIB:.0f} MB, {part:.0%} of the anonymous memory, are free inside the allocators"


def described(ledger: Ledger) -> dict[str, Any]:
    """Return the entries in MB, for people; their sum is the resident size."""
    return {f"{name}_mb": megabytes(value) for name, value in entries(ledger).items()}


def megabytes(value: int | None) -> float | None:
    """Return bytes as MB (2**20), rounded to hundredths; None stays None."""
    return None if value is None else round(value / _MIB, 2)
