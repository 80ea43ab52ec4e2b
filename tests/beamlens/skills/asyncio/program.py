"""Small real programs with event loops, sick and healthy, that the `asyncio` skill watches from inside."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

from beamlens.skills.asyncio import Asyncio
from beamlens.skills.interpreter import starvation
from tests.beamlens.skills.answering import answer_all

ENDED = threading.Event()
KEPT: set[asyncio.Task[Any]] = set()


# -- blocks -------------------------------------------------------------------------------------------


def blocks_by_sleeping() -> None:
    time.sleep(0.6)


def blocks_by_a_loop() -> None:
    end = time.monotonic() + 0.6
    number = 0
    while time.monotonic() < end:
        number += 1


def blocks_in_c() -> None:
    sum(range(60_000_000))


def blocks_in_a_pattern() -> None:
    re.match(r"(a+)+$", "a" * 23 + "b")


async def _block_again_and_again(block: Callable[[], None]) -> None:
    while not ENDED.is_set():
        await asyncio.sleep(0.4)
        began = time.monotonic()
        block()
        TRUE_LENGTHS.append((time.monotonic() - began) * 1e3)


TRUE_LENGTHS: list[float] = []


# -- tasks --------------------------------------------------------------------------------------------


async def leak_tasks() -> None:
    while not ENDED.is_set():
        await asyncio.sleep(0.3)
        task = asyncio.create_task(wait_for_an_answer(asyncio.Event()))
        KEPT.add(task)


async def wait_for_an_answer(answer: asyncio.Event) -> None:
    await answer.wait()


async def forget_to_await() -> None:
    warnings.simplefilter("ignore")
    while not ENDED.is_set():
        await asyncio.sleep(0.2)
        save_order()  # type: ignore[unused-coroutine]


async def save_order() -> None:
    raise AssertionError("this never runs")


async def wait_in_a_circle() -> None:
    tasks: list[asyncio.Task[None]] = []

    async def follow(number: int) -> None:
        while len(tasks) < 2:
            await asyncio.sleep(0.01)
        await tasks[1 - number]

    tasks.extend(asyncio.create_task(follow(number), name=f"follower-{number}") for number in range(2))
    while not ENDED.is_set():
        await asyncio.sleep(0.1)
    # A task that waits for itself by way of another cannot even be cancelled: `cancel` would go round for ever.


# -- healthy ------------------------------------------------------------------------------------------


async def serve_well() -> None:
    while not ENDED.is_set():
        await asyncio.gather(*(asyncio.sleep(0.01 + number / 100) for number in range(10)))


async def keep_connections() -> None:
    server = await asyncio.start_server(_echo, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    writers: list[asyncio.StreamWriter] = []
    while not ENDED.is_set():
        await asyncio.sleep(0.3)
        if len(writers) < 80:
            writers.append((await asyncio.open_connection("127.0.0.1", port))[1])
    for writer in writers:
        writer.close()
    server.close()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
    writer.close()


async def fill_a_pool() -> None:
    """Begin with no worker, and have as many as are wanted soon."""
    while not ENDED.is_set():
        if len(KEPT) < 12:
            KEPT.add(asyncio.create_task(_work()))
        await asyncio.sleep(0.3)


async def _work() -> None:
    while not ENDED.is_set():
        await asyncio.sleep(0.05)


async def jobs_of_some_seconds() -> None:
    """Have more and more jobs at once, each of which ends."""
    number = 0
    while not ENDED.is_set():
        number += 1
        await asyncio.sleep(max(0.05, 0.5 - number / 100))
        task = asyncio.create_task(asyncio.sleep(5.0))
        KEPT.add(task)
        task.add_done_callback(KEPT.discard)


def _share_a_processor(niceness: int) -> subprocess.Popen[bytes]:
    """Let the calling thread share one processor with something more urgent, from now on."""
    cpu = min(os.sched_getaffinity(0))
    os.sched_setaffinity(threading.get_native_id(), {cpu})
    hog = subprocess.Popen([sys.executable, "-c", _HOG, str(cpu)], stdin=subprocess.DEVNULL)
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
    return hog


async def get_a_tenth_of_a_processor() -> None:
    """Do a little at a time, as one that has to share its processor with something more urgent."""
    hog = _share_a_processor(10)
    while not ENDED.is_set():
        assert hog.poll() is None
        await asyncio.sleep(0.05)
        compute_a_little()


async def compute_now_and_then() -> None:
    while not ENDED.is_set():
        await asyncio.sleep(0.02)
        compute_a_little()


def hold_the_interpreter_with_a_quarter_of_a_processor() -> None:
    """Hold the lock for 50 ms of a processor's time again and again, which take much longer."""
    hog = _share_a_processor(5)
    while not ENDED.is_set():
        assert hog.poll() is None
        sum(range(3_000_000))
        time.sleep(0.05)


_HOG = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
parent = os.getppid()
while os.getppid() == parent:
    pass
"""


def compute_a_little() -> None:
    end = time.thread_time() + 0.03
    while time.thread_time() < end:
        pass


def compute() -> None:
    while not ENDED.is_set():
        sum(number * number for number in range(1000))


def _run(*coroutines: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    async def everything() -> None:
        await asyncio.gather(*(each() for each in coroutines))

    return lambda: asyncio.run(everything())


PROGRAMS: dict[str, list[Callable[[], None]]] = {
    "sleeping": [_run(lambda: _block_again_and_again(blocks_by_sleeping))],
    "looping": [_run(lambda: _block_again_and_again(blocks_by_a_loop))],
    "in_c": [_run(lambda: _block_again_and_again(blocks_in_c))],
    "pattern": [_run(lambda: _block_again_and_again(blocks_in_a_pattern))],
    "leaking": [_run(leak_tasks, serve_well)],
    "forgetful": [_run(forget_to_await, serve_well)],
    "circle": [_run(wait_in_a_circle)],
    "healthy": [_run(serve_well, keep_connections, fill_a_pool), _run(jobs_of_some_seconds)],
    "starved": [_run(get_a_tenth_of_a_processor)],
    "not_asked": [_run(get_a_tenth_of_a_processor)],
    "holder_starved": [_run(compute_now_and_then), hold_the_interpreter_with_a_quarter_of_a_processor],
    "holder_not_asked": [_run(compute_now_and_then), hold_the_interpreter_with_a_quarter_of_a_processor],
    "busy": [_run(serve_well, jobs_of_some_seconds), compute],
}


class Observed(Asyncio):
    def callbacks(self) -> dict[str, Callable[..., Any]]:
        return {**super().callbacks(), "true_lengths": lambda: TRUE_LENGTHS}


def main() -> None:
    directory = sys.argv[2] if len(sys.argv) > 2 else None
    if sys.argv[1] == "not_asked":
        setattr(starvation, "thread_delay_seconds", lambda _native_id: 0.0)  # noqa: B010 - not for others to import
    if sys.argv[1] == "holder_not_asked":
        setattr(starvation.Starvation, "look", lambda _self, _native_ids: None)  # noqa: B010 - not for others to import
    skill = Observed(signal.SIGUSR2 if directory else None, directory)
    skill.start()
    threads = [threading.Thread(target=each, daemon=True) for each in PROGRAMS[sys.argv[1]]]
    for thread in threads:
        thread.start()
    answer_all(skill)
    ENDED.set()
    skill.stop()


if __name__ == "__main__":
    main()
