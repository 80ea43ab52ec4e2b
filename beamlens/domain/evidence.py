"""Keep what a run found within what can be sent in one message: facts always, snapshots' data as far as it fits."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from beamlens.domain.notification import Notification
from beamlens.domain.snapshot import Snapshot

__all__ = ["EVIDENCE_BYTES", "Evidence"]

EVIDENCE_BYTES: Final = 3 * 2**20
"""Of snapshots' data as JSON, in all of a run's notifications, and again in its snapshots."""

_DROPPED: Final = {"dropped": "the run's evidence is too large to be kept whole"}


class Evidence:
    """Count down what fits. One thread.

    Args:
        limit: bytes of JSON.
    """

    def __init__(self, limit: int = EVIDENCE_BYTES) -> None:
        self._left = limit

    def of(self, notification: Notification) -> Notification:
        """Return a notification; the data of snapshots that fit no more is replaced by a word that says so."""
        snapshots = tuple(self._whole_or_name(snapshot) for snapshot in notification.snapshots)
        return notification if snapshots == notification.snapshots else replace(notification, snapshots=snapshots)

    def newest(self, snapshots: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
        """Return the newest of the snapshots that fit, oldest first."""
        kept: list[Snapshot] = []
        for snapshot in reversed(tuple(snapshots)):
            if not self._take(snapshot):
                break
            kept.append(snapshot)
        return tuple(reversed(kept))

    def _whole_or_name(self, snapshot: Snapshot) -> Snapshot:
        return snapshot if self._take(snapshot) else replace(snapshot, data=dict(_DROPPED))

    def _take(self, snapshot: Snapshot) -> bool:
        size = len(json.dumps(snapshot.data, default=str))
        if size > self._left:
            return False
        self._left -= size
        return True
