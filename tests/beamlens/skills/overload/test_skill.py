"""The skill within this process: its contract, and how a backlog is judged."""

from __future__ import annotations

import gc
import queue
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from beamlens.errors import SkillError
from beamlens.skills.backlog.history import Backlog, _drains, _type, _unique
from beamlens.skills.overload import Overload
from beamlens.testing import SkillHarness
from supervision.testing import wait_until


def test_the_contract_with_a_pool_that_is_full() -> None:
    go_on = threading.Event()
    pool = ThreadPoolExecutor(2, thread_name_prefix="full")
    with SkillHarness(Overload) as skill:
        for _ in range(12):
            pool.submit(go_on.wait, 60)
        try:
            [row] = wait_until(lambda: [r for r in skill.call("overload_queues") if r["size"] == 10])
            assert row["name"] == "thread pool full"
            assert row["most_workers"] == 2
            skill.assert_good({"overload_bottleneck": [["thread pool full"]]})
            assert wait_until(lambda: skill.call("overload_bottleneck", "thread pool full")["looks"]) >= 2
            assert skill.call("overload_cascade")[0]["size"] == 10
            assert skill.lua("return overload_state().state") in ("backlog", "saturated")
        finally:
            go_on.set()
            pool.shutdown()


def test_a_queue_of_another_name_is_refused_with_those_that_there_are() -> None:
    with SkillHarness(Overload) as skill, pytest.raises(SkillError, match="there is no queue named 'nothing'"):
        skill.call("overload_bottleneck", "nothing")


def test_no_queue_is_kept_alive() -> None:
    class Kept(queue.Queue[int]):
        pass

    taken = Kept()
    with SkillHarness(Overload) as skill:
        thread = threading.Thread(target=taken.get)
        thread.start()
        wait_until(lambda: skill.call("overload_queues"))
        taken.put(1)
        thread.join(20)
        del taken, thread
        gc.collect()
        wait_until(lambda: not [each for each in gc.get_objects() if type(each) is Kept], interval=0.2)


def _backlog(*sizes: float) -> Backlog:
    backlog = Backlog("queue", lambda: None)
    backlog.points.extend((float(second), size) for second, size in enumerate(sizes))
    return backlog


def test_growth_counts_from_the_last_time_that_a_queue_was_empty() -> None:
    moved = _backlog(*[0.0] * 40, *(10.0 * second for second in range(1, 15))).moved()
    assert moved is not None
    assert moved.steady
    drained = _backlog(*(400.0 - 10 * second for second in range(30))).moved()
    assert drained is not None
    assert not drained.steady
    assert _backlog(0.0, 5.0, 10.0).moved() is None


def test_a_batch_that_is_worked_off_drains_and_a_backlog_that_stays_does_not() -> None:
    assert _drains([4000.0 - 130 * second for second in range(10)])
    assert not _drains([28.0, 27, 28, 26, 28, 28, 27, 28])
    assert not _drains([float(second) for second in range(10)])
    assert not _drains([3.0, 2.0])


def test_what_keeps_workers_is_told_by_what_most_of_them_do() -> None:
    assert _type(Counter({"lock": 6, "running": 4})) == "contention"
    assert _type(Counter({"running": 6, "lock": 4})) == "computing"
    assert _type(Counter({"socket": 3, "sleep": 3, "running": 4})) == "downstream"
    assert _type(Counter({None: 10})) == "unknown"
    assert _type(Counter()) == "unknown"


def test_rows_of_one_name_are_numbered() -> None:
    assert [row["name"] for row in _unique([{"name": "a"}, {"name": "b"}, {"name": "a"}])] == ["a", "b", "a (2)"]
