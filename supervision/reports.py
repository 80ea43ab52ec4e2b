"""What supervision tells: OTP's reports, as telemetry events and log records.

Events are `("supervision", subject, what)`. A supervisor's reports have OTP's four fields: supervisor,
context, reason and offender.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from supervision import telemetry
from supervision.reporter import reporter

__all__ = ["report_event", "report_log", "report_progress", "report_supervisor"]

logger = logging.getLogger("supervision")


def report_event(subject: str, what: str, measurements: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
    """Emit `("supervision", subject, what)` on the reporter's thread. Any thread; never blocks."""
    name = ("supervision", subject, what)
    if name in telemetry.interested():
        told = {"system_time": time.time_ns(), **measurements}
        reporter.put(lambda: telemetry.execute(name, told, dict(metadata)))


def report_log(level: int, text: str, *args: object) -> None:
    """Write to the log on the reporter's thread. Any thread; never blocks."""
    if logger.isEnabledFor(level):
        reporter.put(lambda: logger.log(level, text, *args))


def report_supervisor(supervisor: str, context: str, reason: Any, offender: Mapping[str, Any]) -> None:
    """Tell one of OTP's error reports: `child_terminated`, `start_error`, `shutdown_error` or `shutdown`."""
    metadata = {"supervisor": supervisor, "context": context, "reason": reason, "offender": dict(offender)}
    report_event("supervisor", context, {}, metadata)
    report_log(
        logging.ERROR,
        "Supervisor: %s. Context: %s. Reason: %s. Offender: id=%s,pid=%s.",
        supervisor,
        context,
        reason,
        offender.get("id"),
        offender.get("pid", offender.get("nb_children")),
    )


def report_progress(supervisor: str, started: Mapping[str, Any]) -> None:
    """Tell that a child was started."""
    report_event("supervisor", "progress", {}, {"supervisor": supervisor, "started": dict(started)})
    report_log(
        logging.INFO,
        "Supervisor: %s. Started: id=%s,pid=%s.",
        supervisor,
        started.get("id"),
        started.get("pid"),
    )
