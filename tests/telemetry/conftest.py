from __future__ import annotations

from collections.abc import Iterator

import pytest

from supervision import telemetry
from supervision.process import application


@pytest.fixture(autouse=True)
def no_handlers() -> Iterator[None]:
    application.shutdown()  # it listens to the bus itself, and would be deaf after these tests
    yield
    telemetry.set_interest_listener(None)
    telemetry.set_forwarder((), None)
    for handler_id in {handler.id for handler in telemetry.list_handlers()}:
        telemetry.detach(handler_id)
