"""The values that BeamLens is about: snapshots, notifications, insights, and how runs stand and end.

All are frozen, cross processes, and have `to_dict()` whose result is plain JSON data.
"""

from beamlens.domain.completion import Completion, Ending
from beamlens.domain.ids import new_id, new_trace_id, now
from beamlens.domain.insight import Confidence, CorrelationType, Insight
from beamlens.domain.notification import Notification, NotificationStatus, Severity
from beamlens.domain.snapshot import Snapshot
from beamlens.domain.status import CoordinatorStatus, HealthState, OperatorStatus, RunStatus

__all__ = [
    "Completion",
    "Confidence",
    "CoordinatorStatus",
    "CorrelationType",
    "Ending",
    "HealthState",
    "Insight",
    "Notification",
    "NotificationStatus",
    "OperatorStatus",
    "RunStatus",
    "Severity",
    "Snapshot",
    "new_id",
    "new_trace_id",
    "now",
]
