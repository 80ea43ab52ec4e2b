"""PartitionSupervisor's arithmetic."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervision.decisions.partition import ResizePlan, partition_index, partition_specs, resize_plan
from supervision.errors import SpecError
from tests.decisions.driver import function

ATOMS = st.none() | st.booleans() | st.floats() | st.text() | st.binary()
KEYS = st.recursive(ATOMS | st.integers(), lambda inner: st.tuples(inner, inner), max_leaves=4)


@given(KEYS, st.integers(1, 100))
def test_every_key_has_a_partition(key: Any, partitions: int) -> None:
    assert 0 <= partition_index(key, partitions) < partitions
    assert partition_index(key, partitions) == partition_index(key, partitions)


@given(st.integers(), st.integers(1, 100))
def test_an_integer_goes_to_its_remainder(key: int, partitions: int) -> None:
    assert partition_index(key, partitions) == abs(key) % partitions


def test_every_process_finds_the_same_partition() -> None:
    """Python's own hash of a text differs from process to process; this one must not."""
    code = "from supervision.decisions.partition import partition_index as p; print(p(('a', b'b', 1.5), 1000))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == partition_index(("a", b"b", 1.5), 1000)


def test_keys_spread() -> None:
    counts = [0] * 8
    for number in range(8000):
        counts[partition_index(f"key {number}", 8)] += 1
    assert min(counts) > 800


def test_keys_of_different_types_are_different() -> None:
    keys: list[Any] = ["1", b"1", 1.0, True, ("1",), ("1", ""), (("1",), "")]
    assert len({partition_index(key, 2**31) for key in keys}) == len(keys)


def test_a_key_without_a_common_hash_is_refused() -> None:
    with pytest.raises(TypeError, match="no hash that all processes agree on"):
        partition_index(object(), 4)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20))
def test_a_resize_leads_to_the_target(current: int, target: int, initial: int) -> None:
    current = min(current, initial)
    if target > initial:
        with pytest.raises(SpecError):
            resize_plan(current, target, initial)
        return
    plan = resize_plan(current, target, initial)
    running = (set(range(current)) - set(plan.terminate)) | set(plan.restart)
    assert running == set(range(target))
    assert plan.former == current
    assert not (plan.terminate and plan.restart)


def test_a_resize_to_the_same_number_does_nothing() -> None:
    assert resize_plan(3, 3, 8) == ResizePlan(3)


@pytest.mark.parametrize("partitions", [0, -1, True, "8", 1.0])
def test_a_wrong_number_of_partitions(partitions: Any) -> None:
    with pytest.raises(SpecError) as caught:
        partition_specs({"id": "a", "start": function}, partitions)
    assert caught.value.reason == ("invalid_partitions", partitions)


def test_with_arguments_must_return_a_list() -> None:
    with pytest.raises(SpecError) as caught:
        partition_specs({"id": "a", "start": function}, 2, lambda args, partition: partition)
    assert caught.value.reason == ("invalid_arguments", 0)
