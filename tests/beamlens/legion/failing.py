"""A store that fails for a while."""

from __future__ import annotations

from beamlens.legion import SqliteStore
from beamlens.legion.store.store import Checkpoint, Lost


class Failing(SqliteStore):
    """Fail a number of times, as a disk that is full does until there is room again."""

    left = 2
    first = 0  # checkpoints with messages that are kept before it fails

    def save(self, checkpoint: Checkpoint) -> Lost | None:
        if checkpoint.messages and self.left:
            if self.first:
                self.first -= 1
            else:
                self.left -= 1
                raise OSError("the disk is full")
        return super().save(checkpoint)
