"""The alarm: has the coordinator look when the statistical detector escalates, at most three times an hour."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import pykka

from beamlens import telemetry
from beamlens.coordinator.messages import Investigate
from beamlens.domain import new_trace_id
from beamlens.parts import Parts
from supervision import SupervisionError

__all__ = ["Alarm"]

_ESCALATION: Final = ("beamlens", "anomaly", "detector", "escalation")
_HOUR: Final = 3600.0
_SHOWN: Final = 5


class Alarm(pykka.ThreadingActor):
    """Be told of escalations and start the coordinator. A child of a supervisor, on a thread of its own.

    Args:
        tree: names the registry in which the coordinator is.
        per_hour: starts within any hour, at most.
        clock: seconds.
    """

    def __init__(self, tree: str, per_hour: int = 3, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._parts = Parts(tree)
        self._per_hour = per_hour
        self._clock = clock
        self._handler = f"beamlens-alarm-{tree}"
        self._started: deque[float] = deque()

    def on_start(self) -> None:
        """Begin to listen."""
        telemetry.attach(self._handler, _ESCALATION, self._heard, None)

    def on_stop(self) -> None:
        """Listen no more."""
        telemetry.detach(self._handler)

    def on_failure(self, *_: object) -> None:
        """Do as `on_stop`: the alarm that comes next listens under the same name."""
        telemetry.detach(self._handler)

    def _heard(self, _: telemetry.EventName, __: Mapping[str, Any], metadata: Mapping[str, Any], ___: object) -> None:
        self.actor_ref.tell(list(metadata.get("anomalies") or []))

    def on_receive(self, message: Any) -> None:
        """Start the coordinator for a list of anomalies, unless it was started too often."""
        now = self._clock()
        while self._started and now - self._started[0] >= _HOUR:
            self._started.popleft()
        if len(self._started) >= self._per_hour:
            counted = {"triggers_in_last_hour": len(self._started)}
            _tell("trigger_rate_limited", counted, {"max_triggers_per_hour": self._per_hour})
            return
        coordinator = self._parts.find("coordinator")
        if coordinator is None:
            _tell("auto_trigger_failed", {}, {"reason": "coordinator_not_running"})
            return
        self._started.append(now)
        summary = _summary(message)
        _tell("auto_trigger_started", {}, {"anomaly_summary": summary})
        context = {"reason": f"Numbers are far from what is usual: {summary}", "anomalies": message[:_SHOWN]}
        try:
            coordinator.ask(Investigate(run_id=new_trace_id(), context=context), block=False)
        except (pykka.ActorDeadError, SupervisionError) as error:
            _tell("auto_trigger_failed", {}, {"reason": f"coordinator_not_running: {error}"})


def _summary(anomalies: list[Any]) -> str:
    """Return what is far from usual, in words: name, value and baseline."""
    rows = [row for row in anomalies if isinstance(row, Mapping)]
    said = [f"{row.get('key')}: {row.get('value')} (usual: {row.get('usual')})" for row in rows[:_SHOWN]]
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return ", ".join(said) + more


def _tell(name: str, measurements: dict[str, Any], metadata: dict[str, Any]) -> None:
    telemetry.emit(("beamlens", "anomaly", "detector", name), measurements, metadata)
