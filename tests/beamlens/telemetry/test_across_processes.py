"""What operators emit in their processes arrives in the application as declared."""

from __future__ import annotations

import logging
import os

import pytest

from beamlens import telemetry
from supervision.testing import wait_until
from tests.beamlens.telemetry.actors import Emitter
from tests.beamlens.telemetry.recording import Recorder


def test_a_finding_arrives_as_the_value_it_was() -> None:
    heard = Recorder()
    ref = Emitter.start()
    try:
        assert ref.pid != os.getpid()
        found = ref.ask("memory grows", timeout=20)
        wait_until(lambda: heard.names == ["beamlens.operator.notification_sent"])
        notification = heard.events[0][2]["notification"]
        assert (notification.id, notification.observation) == (found, "memory grows")
        assert notification.snapshots[0].data == {"rss": 1}
        assert ref.ask("fail", timeout=20) == "integer division or modulo by zero"
        wait_until(lambda: heard.names[1:] == ["beamlens.tool.start", "beamlens.tool.exception"])
        assert heard.violations == []
    finally:
        ref.stop()


def test_the_default_logger_logs_events_of_other_processes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    telemetry.attach_default_logger()
    ref = Emitter.start()
    try:
        ref.ask("fail", timeout=20)
        wait_until(lambda: "[beamlens.tool.exception]" in caplog.text)
        [record] = [record for record in caplog.records if "[beamlens.tool.exception]" in record.getMessage()]
        assert record.levelno == logging.WARNING
        assert "integer division or modulo by zero" in record.getMessage()
    finally:
        ref.stop()
