"""PartitionSupervisor on processes: copies of one child, and the same one for the same key."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pykka
import pytest

from supervision import ChildSpec, PartitionSupervisor, SpecError, StartError
from supervision.process.application import application
from supervision.testing import wait_until
from tests.conformance.real_actors import Recorder

KEYS: list[Any] = ["alice", "bob", "", b"bytes", 0, 7, -7, 10**30, ("a", 1), True]


@pytest.fixture(autouse=True)
def trees() -> Iterator[None]:
    yield
    for tree in list(application().trees):
        tree.kill()


def numbered(partitions: int, **options: Any) -> PartitionSupervisor:
    """Start copies that know their number."""
    return PartitionSupervisor.start(
        Recorder, partitions=partitions, with_arguments=lambda _, partition: [partition], **options
    )


def where(parts: PartitionSupervisor, key: Any) -> int:
    return int(parts[key].ask("arguments")[0])


def test_the_same_key_finds_the_same_copy() -> None:
    parts = numbered(3)
    found = [where(parts, key) for key in KEYS]
    assert [where(parts, key) for key in KEYS] == found
    assert where(parts, 7) == 1
    assert where(parts, -7) == 1


def test_keys_are_spread() -> None:
    parts = numbered(3)
    assert {where(parts, f"user {number}") for number in range(40)} == {0, 1, 2}


def test_another_process_finds_the_same_copy_for_a_key() -> None:
    """Whatever the seed of Python's own hashes is there."""
    program = (
        "from supervision.decisions.partition import partition_index\n"
        "print([partition_index(key, 5) for key in ('alice', b'bytes', ('a', 1), 7)])"
    )
    root = str(Path(__file__).parent.parent)
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_a_key_without_a_stable_hash_is_refused() -> None:
    parts = numbered(2)
    with pytest.raises(TypeError):
        parts[object()]


def test_a_copy_that_dies_comes_back_as_the_same_one() -> None:
    parts = numbered(2)
    ref = parts[1]
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("die")
    assert ref.ask("arguments") == [1]
    assert tuple(parts.tree.count_children()) == (2, 2, 0, 2)


def test_there_is_one_copy_for_each_processor_by_default() -> None:
    parts = PartitionSupervisor.start(Recorder)
    assert parts.partitions == (os.cpu_count() or 1)


@pytest.mark.parametrize("partitions", [0, -1, 1.5, True])
def test_a_wrong_number_of_copies_is_refused(partitions: Any) -> None:
    with pytest.raises(SpecError):
        numbered(partitions)
    assert application().trees == []


def test_a_name_is_taken_once() -> None:
    numbered(1, name="parts")
    with pytest.raises(StartError) as caught:
        numbered(1, name="parts")
    reason: Any = caught.value.reason
    assert reason[0] == "already_started"


def test_a_group_strategy_concerns_all_copies() -> None:
    parts = numbered(3, strategy="one_for_all")
    before = [parts[number].pid for number in range(3)]
    assert before[1] is not None
    os.kill(before[1], signal.SIGKILL)
    wait_until(lambda: not {parts[number].pid for number in range(3)} & {*before, None})


def test_resizing_ends_and_starts_the_top_ones() -> None:
    """The others keep their processes; a copy that comes back has a new one."""
    parts = numbered(4)
    before = [parts[number].pid for number in range(4)]
    assert (parts.resize(2), parts.partitions) == (4, 2)
    assert [row.child for row in parts.tree.which_children()][:2] == ["undefined"] * 2
    assert (parts.resize(4), parts.partitions) == (2, 4)
    after = [parts[number].pid for number in range(4)]
    assert after[:2] == before[:2]
    assert not set(after[2:]) & {*before, None}


def test_lookups_during_a_resize_find_somebody_who_runs() -> None:
    """The copies that are to be stopped are found no more before they are."""
    parts = numbered(4)
    errors: list[BaseException] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            try:
                parts["some key"].ask("arguments", timeout=5)
            except pykka.ActorDeadError:
                continue  # it was found just before it was stopped
            except BaseException as error:
                errors.append(error)
                return

    thread = threading.Thread(target=look)
    thread.start()
    for partitions in (1, 4, 2, 4) * 3:
        parts.resize(partitions)
    done.set()
    thread.join()
    assert errors == []


def test_specifications_in_all_forms_are_taken() -> None:
    spec = ChildSpec(id="any", start=(Recorder, ("x",)), restart="transient")
    parts = PartitionSupervisor.start(spec, partitions=2)
    assert [parts[number].ask("arguments") for number in range(2)] == [["x"], ["x"]]
    assert parts.tree.get_childspec(1).restart == "transient"
