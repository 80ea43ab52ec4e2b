"""Threads by birth: seen, grouped, counted, and `Thread.start` put back as it was."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.to_thread
import pytest

from beamlens.skills.interpreter.births import Births, births
from beamlens.skills.interpreter.procfs import process_memory, process_start_time, thread_cpu_ns, thread_syscall
from beamlens.skills.interpreter.threads import ThreadHistory, kind_of, thread_groups
from supervision.testing import wait_until

_ORIGINAL = threading.Thread.start


@pytest.fixture
def seen() -> Iterator[None]:
    births.begin()
    yield
    births.end()
    assert threading.Thread.start is _ORIGINAL


@pytest.fixture
def go_on() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()
    wait_until(lambda: not any(thread.name.startswith("leak-") for thread in threading.enumerate()))


def _leak(event: threading.Event, count: int) -> list[threading.Thread]:
    threads = [threading.Thread(target=event.wait, name=f"leak-{number % 10}", daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.usefixtures("seen")
def test_210_daemon_threads_with_10_names_are_one_group_with_their_birthplace(go_on: threading.Event) -> None:
    _leak(go_on, 210)
    groups = thread_groups(ThreadHistory(), 50)["groups"]
    mine = [group for group in groups if group["born_in"] == "_leak"]
    assert len(mine) == 1
    assert mine[0]["count"] == mine[0]["daemon"] == 210
    assert mine[0]["names"] == ["leak-#"]
    assert mine[0]["born"].startswith("tests/beamlens/skills/vm/test_threads.py:")


def test_without_the_recorder_the_birthplace_is_not_known_and_said_so(go_on: threading.Event) -> None:
    kind = kind_of(_leak(go_on, 1)[0])
    assert kind.born is None
    assert kind.runs is not None


@pytest.mark.usefixtures("seen")
def test_growth_is_counted_for_each_kind(go_on: threading.Event) -> None:
    history = ThreadHistory()
    for second in range(12):
        _leak(go_on, 3)
        history.look(float(second))
    row = next(row for row in history.growing() if row["born_in"] == "_leak")
    assert row["count"] == 36
    assert row["per_minute"] == pytest.approx(180.0)


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize(("executors", "reported"), [(1, False), (12, True)])
def test_a_pool_that_warms_up_is_no_leak_but_pools_that_are_made_again_and_again_are(
    go_on: threading.Event, executors: int, reported: bool
) -> None:
    pools = [ThreadPoolExecutor(max_workers=40) for _ in range(executors)]
    history = ThreadHistory()
    for second in range(12):
        for _ in range(3):
            pools[second % executors].submit(go_on.wait)
        history.look(float(second))
    grown = [row for row in history.growing() if "_worker" in str(row["runs"])]
    go_on.set()
    for pool in pools:
        pool.shutdown()
    assert bool(grown) is reported


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize(("loops", "reported"), [(1, False), (12, True)])
def test_so_it_is_with_the_threads_of_event_loops(go_on: threading.Event, loops: int, reported: bool) -> None:
    history = ThreadHistory()
    counted = threading.Semaphore(0)

    async def serve(seconds: int) -> None:
        async with anyio.create_task_group() as group:
            for _ in range(seconds):
                for _ in range(3):
                    group.start_soon(anyio.to_thread.run_sync, lambda: go_on.wait())
                await anyio.wait_all_tasks_blocked()
                counted.release()
                await anyio.sleep(0.01)

    seconds = 12 // loops
    threads = [threading.Thread(target=anyio.run, args=(serve, seconds), name="leak-loop") for _ in range(loops)]
    for number, thread in enumerate(threads):
        thread.start()
        for second in range(seconds):
            assert counted.acquire(timeout=20.0)
            history.look(float(number * seconds + second))
    grown = [row for row in history.growing() if "WorkerThread" in str(row["runs"])]
    go_on.set()
    for thread in threads:
        thread.join(20.0)
    assert bool(grown) is reported


def test_the_wrapper_is_taken_off_after_the_last_user() -> None:
    recorder = Births()
    recorder.begin()
    recorder.begin()
    assert threading.Thread.start is not _ORIGINAL
    recorder.end()
    assert threading.Thread.start is not _ORIGINAL
    recorder.end()
    assert threading.Thread.start is _ORIGINAL


@pytest.fixture
def put_back() -> Iterator[None]:
    yield
    threading.Thread.start = _ORIGINAL  # type: ignore[method-assign]


@pytest.mark.usefixtures("put_back")
def test_another_wrapper_on_top_is_left_alone() -> None:
    recorder = Births()
    recorder.begin()
    ours: Any = threading.Thread.start

    def theirs(thread: threading.Thread) -> None:
        ours(thread)

    threading.Thread.start = theirs  # type: ignore[assignment]
    recorder.end()
    assert threading.Thread.start is theirs
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    assert recorder.place(thread) is None


def test_the_clock_and_the_call_of_a_thread_are_told_and_of_one_that_ended_are_not() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    assert (thread_cpu_ns(thread.native_id) or 0) > 0
    wait_until(lambda: thread_syscall(thread.native_id) == "futex")
    ended.set()
    thread.join()
    wait_until(lambda: thread_cpu_ns(thread.native_id) is None)
    wait_until(lambda: thread_syscall(thread.native_id) is None)
    assert thread_cpu_ns(None) is None


def test_the_process_memory_adds_up_and_its_start_is_in_the_past() -> None:
    memory = process_memory()
    assert memory.rss == (memory.anonymous or 0) + (memory.files or 0) + (memory.shared or 0)
    assert 0 < (process_start_time() or 0) < 1e11
