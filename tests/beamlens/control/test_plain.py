"""Whatever an event carries becomes JSON data of bounded size."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from beamlens.control.plain import plain
from beamlens.domain import Completion, Snapshot
from supervision.process.wire import Codec


class _Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no")


_LOOP: list[Any] = []
_LOOP.append(_LOOP)

ODD: list[Any] = [
    None, True, 1, -(2**63), 2**63, 2**70, 1.5, float("nan"), float("inf"), "text", "x" * 100_000, b"bytes", object(),
    _Broken(), _LOOP, {1: 2, (3, 4): {5}}, datetime.now(UTC), ValueError("bad"), Completion("vm", "done"),
    Snapshot({"a": 1}), list(range(10_000)), {str(n): n for n in range(10_000)}, Snapshot, lambda: 1,
]  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
def test_it_can_be_sent_and_printed(value: Any) -> None:
    found = plain(value)
    assert len(json.dumps(found, allow_nan=False)) < 100_000
    assert Codec().decode(Codec().encode({"v": found})) == {"v": found}


def test_a_completion_goes_without_its_snapshots() -> None:
    given = Completion("vm", "done", snapshots=(Snapshot({"a": 1}),))
    assert plain(given)["snapshots"] == []
