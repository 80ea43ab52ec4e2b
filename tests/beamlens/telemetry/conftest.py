from __future__ import annotations

from collections.abc import Iterator

import pytest

from beamlens import telemetry


@pytest.fixture(autouse=True)
def no_handlers() -> Iterator[None]:
    yield
    for handler_id in {handler.id for handler in telemetry.list_handlers()}:
        telemetry.detach(handler_id)
