"""Small real programs with threads and locks, sick and healthy, that the `locks` skill watches from inside."""

from __future__ import annotations

import queue
import socket
import sys
import threading
import time
from collections.abc import Callable

from beamlens.skills.locks import Locks
from tests.beamlens.skills.answering import answer_all

ENDED = threading.Event()


class Account:
    """Two of them transfer to each other: each takes its own lock first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.other: Account = self

    def transfer(self) -> None:
        with self._lock:
            time.sleep(0.3)
            self.other.receive()

    def receive(self) -> None:
        with self._lock:
            pass


class Reentrant:
    def __init__(self) -> None:
        self.ours, self.theirs = threading.RLock(), threading.RLock()

    def forth(self) -> None:
        self.ours.acquire()
        try:
            time.sleep(0.3)
            with self.theirs:
                pass
        finally:
            self.ours.release()

    def back(self) -> None:
        with self.theirs:
            time.sleep(0.3)
            with self.ours:
                pass


class Careless:
    """Takes the lock that it has."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def save(self) -> None:
        with self._lock:
            self.flush()

    def flush(self) -> None:
        with self._lock:
            pass


LEFT, RIGHT, BOTH, CARELESS = Account(), Account(), Reentrant(), Careless()
LEFT.other, RIGHT.other = RIGHT, LEFT
LOCK = threading.Lock()


def ask_while_holding() -> None:
    ours, _theirs = socket.socketpair()
    ours.settimeout(0.2)
    while not ENDED.is_set():
        with LOCK:
            read(ours)


def read(connection: socket.socket) -> None:
    try:
        connection.recv(10)
    except TimeoutError:
        return


def compute_while_holding() -> None:
    while not ENDED.is_set():
        with LOCK:
            compute()


def compute() -> None:
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        sum(range(100))


# -- healthy ------------------------------------------------------------------------------------------


class Chain:
    """Takes locks one after the other, in one order, from many instances: busy, and never stuck for long."""

    def __init__(self, following: Chain | None) -> None:
        self._lock = threading.Lock()
        self._following = following

    def work(self, depth: int = 0) -> None:
        with self._lock:
            if self._following is not None:
                self._following.work(depth + 1)
            elif depth:
                time.sleep(0.005)


CHAIN = Chain(Chain(Chain(None)))
QUEUE: queue.Queue[int] = queue.Queue()
SIGNAL = threading.Lock()
CONDITION = threading.Condition()


def work_in_a_chain() -> None:
    while not ENDED.is_set():
        CHAIN.work()
        time.sleep(0.01)


def wait_for_work() -> None:
    while not ENDED.is_set():
        try:
            QUEUE.get(timeout=30)
        except queue.Empty:
            continue


def wait_on_a_condition() -> None:
    with CONDITION:
        CONDITION.wait(60)


def wait_for_a_signal() -> None:
    """Use a lock as an event, as old programs do: whoever takes it twice waits until somebody else lets go of it."""
    SIGNAL.acquire()
    _again()


def _again() -> None:
    SIGNAL.acquire(timeout=60)


def read_alone() -> None:
    """Hold a lock over I/O that nobody else wants."""
    mine = threading.Lock()
    ours, _theirs = socket.socketpair()
    ours.settimeout(0.2)
    while not ENDED.is_set():
        with mine:
            read(ours)


PROGRAMS: dict[str, list[Callable[[], object]]] = {
    "crossed": [LEFT.transfer, RIGHT.transfer, wait_for_work],
    "reentrant": [BOTH.forth, BOTH.back, wait_for_work],
    "careless": [CARELESS.save],
    "over_io": [ask_while_holding] * 4,
    "computing": [compute_while_holding] * 4,
    "healthy": [*[work_in_a_chain] * 4, *[wait_for_work] * 3, wait_on_a_condition, wait_for_a_signal, read_alone],
}


def main() -> None:
    skill = Locks()
    skill.start()
    for each in PROGRAMS[sys.argv[1]]:
        threading.Thread(target=each, daemon=True).start()
    answer_all(skill)
    ENDED.set()
    skill.stop()


if __name__ == "__main__":
    main()
