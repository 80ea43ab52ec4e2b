"""PartitionSupervisor: copies of one child, and a key that always finds the same one (Elixir's)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from supervision.decisions.partition import partition_index, partition_specs, resize_plan
from supervision.ref import Ref
from supervision.spec import child
from supervision.supervisor import Supervisor, SupervisorRef

__all__ = ["PartitionSupervisor"]


class PartitionSupervisor:
    """Hold N copies of one child and find the one for a key. Any thread but the loop's."""

    def __init__(self, tree: SupervisorRef, partitions: int) -> None:
        self.tree = tree
        self._initial = partitions
        self._current = partitions

    @classmethod
    def start(
        cls,
        spec: Any,
        *,
        partitions: int | None = None,
        with_arguments: Callable[[tuple[Any, ...], int], Any] | None = None,
        strategy: str = "one_for_one",
        intensity: int = 3,
        period: int = 5,
        name: str | None = None,
    ) -> PartitionSupervisor:
        """Start the copies and return when all run.

        Args:
            spec: the child, in any form; the copies have the ids 0, 1, ...
            partitions: how many; left out, one for each processor.
            with_arguments: called with the child's arguments and the partition, returns that copy's arguments.
            strategy, intensity, period, name: as for `Supervisor`.

        Raises:
            SpecError, StartError: as `Supervisor.start`.
        """
        count = partitions if partitions is not None else os.cpu_count() or 1
        copies = partition_specs(child(spec), count, with_arguments)
        tree = Supervisor.start(copies, strategy=strategy, intensity=intensity, period=period, name=name)
        return cls(tree, count)

    def __getitem__(self, key: Any) -> Ref:
        """Return the ref of the copy for this key; it follows restarts.

        Raises:
            SpecError: there are no partitions at the moment.
            TypeError: keys of this type have no hash that all processes agree on.
        """
        return self.tree[partition_index(key, self._current)]  # type: ignore[no-any-return]

    @property
    def partitions(self) -> int:
        """How many copies run."""
        return self._current

    def resize(self, partitions: int) -> int:
        """Change how many copies run, between 0 and the number at the start; return the former number.

        Raises:
            SpecError: the number is out of range.
        """
        plan = resize_plan(self._current, partitions, self._initial)
        for partition in plan.terminate:
            self._current = partition
            self.tree.terminate_child(partition)
        for partition in plan.restart:
            self.tree.restart_child(partition)
            self._current = partition + 1
        return plan.former

    def stop(self, *, timeout: float | None = None) -> bool:
        """Stop the copies and the supervisor."""
        return bool(self.tree.stop(timeout=timeout))
