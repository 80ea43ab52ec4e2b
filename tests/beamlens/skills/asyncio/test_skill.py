"""The skill within this process: its contract, and that all is put back at the end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from beamlens.errors import SkillError
from beamlens.skills.asyncio import Asyncio
from beamlens.skills.eventloop import births
from beamlens.skills.eventloop.births import TaskBirths
from beamlens.skills.eventloop.board import Board, BoardView
from beamlens.skills.eventloop.dumps import caught, read_stack
from beamlens.skills.loop_blocks import LoopBlocks
from beamlens.skills.waits.awaits import awaiting
from beamlens.testing import SkillHarness
from supervision.testing import wait_until

_FILE = "tests/beamlens/skills/asyncio/test_skill.py"


@contextmanager
def _loop_with_tasks(number: int) -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()

    async def main() -> None:
        tasks = [asyncio.create_task(asyncio.sleep(60), name=f"sleeper-{each}") for each in range(number)]
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), name="a-loop")
    thread.start()
    yield loop
    loop.call_soon_threadsafe(stop.set)
    thread.join(20)
    loop.close()


def test_the_contract_with_a_loop_of_a_thousand_tasks() -> None:
    with SkillHarness(Asyncio) as skill, _loop_with_tasks(1000):
        wait_until(lambda: skill.snapshot()["loops"] and skill.snapshot()["tasks"]["count"] > 1000)
        skill.assert_good()
        [loop] = skill.call("asyncio_loops")
        assert loop["name"] == "a-loop"
        [sleepers, *_] = skill.call("asyncio_tasks", 5)["groups"]
        assert (sleepers["count"], sleepers["kind"], sleepers["runs"]) == (1000, "sleep", "sleep")
        assert skill.lua("return asyncio_tasks(1).groups[1].count") == 1000


def test_the_contract_without_any_loop() -> None:
    with SkillHarness(Asyncio) as skill:
        skill.assert_good()
        assert skill.snapshot()["loops"] == []


def test_everything_is_put_back() -> None:
    create, warn = asyncio.BaseEventLoop.create_task, getattr(warnings, "_warn_unawaited_coroutine", None)
    with _loop_with_tasks(1) as loop:
        with SkillHarness(Asyncio) as skill:
            wait_until(lambda: skill.snapshot()["loops"])
            assert asyncio.BaseEventLoop.create_task is not create
        assert asyncio.BaseEventLoop.create_task is create
        assert getattr(warnings, "_warn_unawaited_coroutine", None) is warn
        wait_until(lambda: not any("Beat" in repr(each) and not each.cancelled() for each in _timers(loop)))
    assert not [thread for thread in threading.enumerate() if thread.name == "beamlens-ticker"]


def _timers(loop: Any) -> list[Any]:
    return list(loop._scheduled)


def test_a_wrapper_that_somebody_put_around_ours_stays() -> None:
    recorder, create = TaskBirths(), asyncio.BaseEventLoop.create_task
    recorder.begin()
    ours: Any = asyncio.BaseEventLoop.create_task

    def theirs(loop: Any, coro: Any, **options: Any) -> Any:
        return ours(loop, coro, **options)

    asyncio.BaseEventLoop.create_task = theirs  # type: ignore[method-assign,assignment]
    try:
        recorder.end()
        now: Any = asyncio.BaseEventLoop.create_task
        assert now is theirs
        asyncio.run(asyncio.sleep(0))
    finally:
        asyncio.BaseEventLoop.create_task = create  # type: ignore[method-assign]


def test_births_are_remembered_up_to_a_bound_and_forgotten_with_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(births, "_PER_REFILL", 3)
    recorder = TaskBirths()
    recorder.begin()

    async def main() -> list[Any]:
        tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(5)]
        found = [recorder.of(task) for task in tasks]
        await asyncio.gather(*tasks)
        return found

    try:
        # One of the three is the main task itself.
        found = asyncio.run(main())
        assert [each is not None for each in found] == [True, True, False, False, False]
        assert found[0].place.at.startswith(f"{_FILE}:")
        wait_until(lambda: not recorder._born)
    finally:
        recorder.end()


def test_what_tasks_wait_for_is_told_by_kind() -> None:
    async def main() -> dict[str, str]:
        queue: asyncio.Queue[int] = asyncio.Queue()
        full: asyncio.Queue[int] = asyncio.Queue(1)
        full.put_nowait(1)
        lock, event = asyncio.Lock(), asyncio.Event()
        await lock.acquire()
        other = asyncio.create_task(event.wait())

        async def numbers() -> Any:
            await event.wait()
            yield 1

        async def read() -> None:
            async for _ in numbers():
                pass

        waiting = {
            "queue get": queue.get(),
            "queue put": full.put(2),
            "lock": lock.acquire(),
            "event": read(),
            "sleep": asyncio.sleep(60),
            "executor": asyncio.to_thread(time.sleep, 0.3),
        }
        tasks = {kind: asyncio.create_task(coroutine) for kind, coroutine in waiting.items()}

        async def on(awaitable: Any) -> None:
            await awaitable

        tasks["task"] = asyncio.create_task(on(other))
        tasks["gather"] = asyncio.create_task(on(asyncio.gather(other, asyncio.shield(other))))
        tasks["future"] = asyncio.create_task(on(asyncio.get_running_loop().create_future()))
        await asyncio.sleep(0.05)
        found = {kind: awaiting(task).kind for kind, task in tasks.items()}
        for task in [*tasks.values(), other]:
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        return found

    found = asyncio.run(main())
    assert found == {kind: kind for kind in found}
    assert len(found) == 9


# -- the signal ---------------------------------------------------------------------------------------


def test_a_signal_that_is_in_use_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    before = signal.signal(signal.SIGUSR2, lambda *_: None)
    try:
        with pytest.raises(AssertionError, match="SIGUSR2 is in use"):
            SkillHarness(Asyncio, dump_signal=signal.SIGUSR2, directory=str(tmp_path)).__enter__()
    finally:
        signal.signal(signal.SIGUSR2, before)
    for number, text in ((signal.SIGKILL, "meaning of its own"), (signal.SIGINT, "in use"), (4711, "signal's number")):
        with pytest.raises(AssertionError, match=text):
            SkillHarness(Asyncio, dump_signal=number, directory=str(tmp_path)).__enter__()


def test_the_signal_and_the_files_are_given_back(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with SkillHarness(Asyncio, dump_signal=signal.SIGUSR2, directory=str(tmp_path)):
        assert caught(os.getpid(), signal.SIGUSR2)
        view = BoardView(os.getpid(), tmp_path)
        assert view.signal == signal.SIGUSR2
    assert view.signal == 0
    assert not caught(os.getpid(), signal.SIGUSR2)
    assert list(tmp_path.iterdir()) == []
    view.close()


def test_no_signal_is_sent_to_a_process_that_would_die_of_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    program = subprocess.Popen(
        [sys.executable, "-c", _STAMPS_AND_LIES, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert program.stdout is not None
    assert program.stdin is not None
    program.stdout.readline()
    outside = LoopBlocks(str(tmp_path))
    outside.pid = program.pid
    outside.start()
    try:
        wait_until(lambda: any(loop["blocked_ms"] > 1000 for loop in outside.snapshot()["loops"]))
        assert program.poll() is None
        assert outside.recent(1)[0]["at"] is None
    finally:
        outside.stop()
        program.stdin.close()
        assert program.wait(20) == 0
        program.stdout.close()


_STAMPS_AND_LIES = """
import sys, time
from pathlib import Path
from beamlens.skills.eventloop.board import Board
board = Board(Path(sys.argv[1]))
stamp, free = board.slot(1, "a-loop")
stamp(time.monotonic_ns())
board.stacks_path.touch()
board.announce(12)
print("ready", flush=True)
sys.stdin.read()
board.close()
"""


def test_beats_of_an_earlier_process_and_of_a_strange_directory_are_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(SkillError, match="belongs to this user alone"):
        Board(tmp_path)
    tmp_path.chmod(0o700)
    board = Board(tmp_path)
    (tmp_path / f"{os.getpid()}.beats").rename(tmp_path / f"{os.getppid()}.beats")
    with pytest.raises(ValueError, match="earlier process"):
        BoardView(os.getppid(), tmp_path)
    with pytest.raises(OSError, match="No such file"):
        BoardView(os.getpid(), tmp_path)
    board.close()


def test_of_several_dumps_the_last_is_read() -> None:
    text = (
        "Stack (most recent call first):\n"
        '  File "/srv/shop/other.py", line 1 in run\n'
        "Stack (most recent call first):\n"
        '  File "/srv/shop/cart.py", line 12 in total\n'
        '  File "/srv/shop/app.py", line 3 in <module>\n'
    )
    assert [frame.at for frame in read_stack(text)] == ["shop/cart.py:12", "shop/app.py:3"]
    assert read_stack("Stack (most recent") == read_stack("") == []


def test_the_contract_of_the_onlooker(tmp_path: Path) -> None:
    with SkillHarness(LoopBlocks, directory=str(tmp_path)) as skill:
        skill.assert_good()
