"""An actor that emits; its process imports it from here."""

from __future__ import annotations

from typing import Any

from beamlens import telemetry
from beamlens.domain import Notification, Snapshot
from supervision import ProcessActor


class Emitter(ProcessActor):
    def on_receive(self, message: Any) -> Any:
        if message == "fail":
            return self._fail()
        found = Notification("vm", "growth", "warning", "ctx", message, (Snapshot({"rss": 1}),), "a" * 32)
        about = {"operator": "vm", "trace_id": "a" * 32, "iteration": 1, "notification": found}
        telemetry.emit(("beamlens", "operator", "notification_sent"), None, about)
        return found.id

    def _fail(self) -> str:
        about = {"trace_id": "a" * 32, "iteration": 1, "tool_name": "wait", "intent": "wait"}
        try:
            telemetry.tool_span(about, lambda: 1 // 0)
        except ZeroDivisionError as error:
            return str(error)
        return "it did not fail"
