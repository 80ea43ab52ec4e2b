"""Small real programs with queues and pools, sick and healthy, that the `overload` skill watches from inside."""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pykka

from beamlens.skills.overload import Overload
from tests.beamlens.skills.answering import answer_all

ENDED = threading.Event()
ORDERS: queue.Queue[int] = queue.Queue()
BURSTS: queue.Queue[int] = queue.Queue()
PIPE: queue.Queue[int] = queue.Queue(maxsize=50)
LOCK = threading.Lock()


def _every(seconds: float, act: Callable[[], object]) -> None:
    while not ENDED.wait(seconds):
        act()


# -- sick ---------------------------------------------------------------------------------------------


def overrun_a_pool() -> None:
    pool = ThreadPoolExecutor(4, thread_name_prefix="mailer")
    _every(0.02, lambda: pool.submit(send_mail))
    pool.shutdown(wait=False, cancel_futures=True)


def send_mail() -> None:
    time.sleep(0.3)


def fill_orders() -> None:
    _every(0.02, lambda: ORDERS.put(1))


def take_orders() -> None:
    ORDERS.get()
    while not ENDED.is_set():
        ORDERS.get()
        with LOCK:
            book()


def book() -> None:
    time.sleep(0.1)


async def overrun_a_task() -> None:
    jobs: asyncio.Queue[int] = asyncio.Queue()
    consumer = asyncio.create_task(take_jobs(jobs))
    await asyncio.sleep(1.2)
    while not ENDED.is_set():
        jobs.put_nowait(1)
        await asyncio.sleep(0.02)
    consumer.cancel()


async def take_jobs(jobs: asyncio.Queue[int]) -> None:
    while True:
        await jobs.get()
        await ask_partner()


async def ask_partner() -> None:
    await asyncio.sleep(0.2)


class Clerk(pykka.ThreadingActor):
    def on_receive(self, _message: object) -> None:
        look_up()


def look_up() -> None:
    time.sleep(0.1)


def overrun_an_actor() -> None:
    clerk = Clerk.start()
    _every(0.02, lambda: clerk.tell("a letter"))
    clerk.stop(block=False)


def keep_a_pool_waiting() -> None:
    """Have no more than thirty jobs at once, and two workers that wait."""
    pool = ThreadPoolExecutor(2, thread_name_prefix="crawler")
    _keep_busy(pool, send_mail)


def _keep_busy(pool: ThreadPoolExecutor, job: Callable[[], object]) -> None:
    jobs: set[Future[object]] = set()
    while not ENDED.is_set():
        jobs |= {pool.submit(job) for _ in range(30 - len(jobs))}
        jobs = wait(jobs, timeout=0.2, return_when="FIRST_COMPLETED").not_done
    pool.shutdown(wait=False, cancel_futures=True)


# -- healthy ------------------------------------------------------------------------------------------


def compute_much() -> None:
    _keep_busy(ThreadPoolExecutor(1, thread_name_prefix="computer"), lambda: sum(range(200_000)))


def work_off_a_batch() -> None:
    pool = ThreadPoolExecutor(4, thread_name_prefix="batch")
    for _ in range(4000):
        pool.submit(time.sleep, 0.03)
    ENDED.wait()
    pool.shutdown(wait=False, cancel_futures=True)


def burst() -> None:
    for _ in range(20):
        BURSTS.put(1)


def have_bursts() -> None:
    _every(1.5, burst)


def take_bursts() -> None:
    while not ENDED.is_set():
        BURSTS.get()
        time.sleep(0.001)


def produce() -> None:
    while not ENDED.is_set():
        PIPE.put(1)


def consume() -> None:
    while not ENDED.is_set():
        PIPE.get()
        time.sleep(0.005)


PROGRAMS: dict[str, list[Callable[[], object]]] = {
    "pool": [overrun_a_pool],
    "queue": [take_orders, take_orders, fill_orders],
    "task": [lambda: asyncio.run(overrun_a_task())],
    "actor": [overrun_an_actor],
    "waiting": [keep_a_pool_waiting],
    "healthy": [compute_much, work_off_a_batch, have_bursts, take_bursts, produce, consume],
}


def main() -> None:
    skill = Overload()
    skill.start()
    threads = [threading.Thread(target=each, daemon=True) for each in PROGRAMS[sys.argv[1]]]
    for thread in threads:
        thread.start()
    answer_all(skill)
    ENDED.set()
    skill.stop()


if __name__ == "__main__":
    main()
