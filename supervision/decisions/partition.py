"""PartitionSupervisor's arithmetic: which partition a key belongs to, and what a resize does."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from supervision.errors import SpecError
from supervision.spec import ChildSpec, validate_child

__all__ = ["ResizePlan", "partition_index", "partition_specs", "resize_plan"]


@dataclass(frozen=True, slots=True)
class ResizePlan:
    """Say what a resize does.

    Args:
        former: the number of partitions before it.
        terminate: ids to terminate, from the top down.
        restart: ids to restart, from the bottom up.
    """

    former: int
    terminate: tuple[int, ...] = ()
    restart: tuple[int, ...] = ()


def partition_index(key: object, partitions: int) -> int:
    """Return the partition of a key: an integer modulo the number, any other by a hash.

    The hash depends on the value alone, so that every process finds the same partition.

    Args:
        key: an integer, or None, a bool, float, str, bytes, or a tuple of these.
        partitions: how many there are now.

    Raises:
        SpecError: there is no partition.
        TypeError: keys of this type have no hash that all processes agree on.
    """
    if partitions < 1:
        raise SpecError(("no_partitions", partitions), "there is no partition to look the key up in")
    if isinstance(key, int) and not isinstance(key, bool):
        return abs(key) % partitions
    return zlib.crc32(_bytes(key)) % partitions


def partition_specs(
    spec: object,
    partitions: int,
    with_arguments: Callable[[tuple[object, ...], int], object] | None = None,
) -> tuple[ChildSpec, ...]:
    """Return one copy of a specification for every partition, with the ids 0, 1, ...

    Args:
        spec: what `validate_child` takes.
        partitions: how many, at least 1.
        with_arguments: called with the start's arguments and the partition, returns that copy's arguments.

    Raises:
        SpecError: the specification or the number is invalid, or `with_arguments` returned no list.
    """
    if not _is_number(partitions) or partitions < 1:
        raise SpecError(("invalid_partitions", partitions), "a PartitionSupervisor needs at least one partition")
    base = validate_child(spec, "never")
    function, args, kwargs = base.start
    copies = []
    for partition in range(partitions):
        own = args if with_arguments is None else with_arguments(args, partition)
        if not isinstance(own, list | tuple):
            raise SpecError(("invalid_arguments", own), f"with_arguments must return a list, not {own!r}")
        copies.append(replace(base, id=partition, start=(function, tuple(own), kwargs)))
    return tuple(copies)


def resize_plan(current: int, target: int, initial: int) -> ResizePlan:
    """Return what takes the number of partitions to `target`.

    Args:
        current: how many there are now.
        target: how many there shall be, 0 to `initial`.
        initial: how many there were at the start; there are never more.

    Raises:
        SpecError: the target is out of range.
    """
    if not _is_number(target) or not 0 <= target <= initial:
        raise SpecError(("invalid_partitions", target), f"partitions can be 0 to {initial}, not {target!r}")
    if target < current:
        return ResizePlan(current, terminate=tuple(range(current - 1, target - 1, -1)))
    return ResizePlan(current, restart=tuple(range(current, target)))


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _bytes(key: object) -> bytes:
    """Return bytes that differ for different keys, tagged by type: 1 is not 1.0, nor "1"."""
    match key:
        case None | bool() | int() | float():
            return f"{type(key).__name__}:{key!r}".encode()
        case str():
            return b"str:" + key.encode("utf-8", "surrogatepass")
        case bytes():
            return b"bytes:" + key
        case tuple():
            parts = [_bytes(item) for item in key]
            return b"tuple:" + b"".join(b"%d,%b" % (len(part), part) for part in parts)
    raise TypeError(f"a key of type {type(key).__name__} has no hash that all processes agree on")
