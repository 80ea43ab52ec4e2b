"""Limits are checked when they are made, and travel."""

from __future__ import annotations

import math
from typing import Any

import pytest

from beamlens.errors import ConfigurationError
from beamlens.sandbox import Evaluation, Limits, SandboxError
from beamlens.sandbox.evaluation import KINDS
from beamlens.sandbox.explain import failure
from supervision.process.wire import Codec


@pytest.mark.parametrize(
    "given",
    [
        {"wall_seconds": 0},
        {"wall_seconds": None},
        {"wall_seconds": math.inf},
        {"wall_seconds": math.nan},
        {"wall_seconds": "2"},
        {"total_seconds": -1},
        {"callback_seconds": True},
        {"instructions": 0},
        {"instructions": 1.5},
        {"memory_bytes": 1000},
        {"memory_bytes": 1 << 40},
        {"callback_calls": -1},
        {"depth": 65},
        {"pause_in_callbacks": 1},
        {"result_bytes": True},
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(given))):
        Limits(**given)


def test_what_makes_sense_is_not() -> None:
    Limits(callback_seconds=None, total_seconds=None, callback_calls=0, wall_seconds=1, depth=1)


def test_they_and_what_comes_back_cross_processes() -> None:
    codec = Codec()
    error = SandboxError(kind="syntax", text="line 1: no", line=1)
    for value in (Limits(), Evaluation(ok=False, error=error, bindings={"a": [1]})):
        assert codec.decode(codec.encode(value)) == value


def test_every_failure_has_a_known_kind_and_a_sentence() -> None:
    for status in ("instructions", "memory", "deadline", "total", "callback_flood", "killed", "cancelled"):
        found = failure(status, Limits())
        assert found.kind in KINDS
        assert len(found.text.split()) > 4
        assert "{" not in found.text
