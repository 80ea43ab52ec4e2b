"""Ask and tell across processes, beside a bare socket and Pykka's threads, interleaved in one run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgpack

from benchmarks.actors import Counter, Echo, ThreadEcho
from benchmarks.floors import HEADER, FloorServer, exchange, receive_frame
from benchmarks.options import Options
from benchmarks.report import Report, Target
from benchmarks.runtime import runtime
from benchmarks.stats import paired_ratio, ratio, summarize
from supervision import Ref

__all__ = ["MESSAGE", "TARGETS", "run"]

TARGETS: Final[dict[str, Target]] = {
    "ask_over_raw": ("<=", 2.0),
    "tell_over_raw": (">=", 0.5),
}

MESSAGE: Final[dict[str, Any]] = {
    "kind": "snapshot",
    "id": 184467,
    "name": "worker-17",
    "load": 0.7312,
    "alive": True,
    "tags": ["a", "bc", "def"],
    "note": "nothing unusual was seen here",
}

Contenders = dict[str, tuple[Callable[[Any], Any], Any]]

_BLOCK: Final = 200
_COLUMNS: Final = ("p50", "p90", "p99", "min", "/ raw", "paired", "asks")


def run(options: Options, report: Report) -> None:
    """Run all rows and keep the figures."""
    report.title("Messaging across processes")
    size = len(msgpack.packb(MESSAGE))
    report.note(
        f"the message: a map of 7 keys, {size} bytes of msgpack; raw: these bytes echoed over a bare socketpair"
    )
    report.note("ask_over_raw is taken with asker and child on two processors; the other placements are printed too")
    report.note("raw neither packs nor unpacks; Pykka's ThreadingActor stays in this process and copies nothing")
    with FloorServer() as floors, runtime():
        _asks(options, report, floors)
        _tells(options, report, floors)
        _large(options, report, floors)
        _many_children(options, report, floors)
        _many_threads(options, report)
        _from_asyncio(options, report)
    report.verdicts(TARGETS)


# -- one child, one asker --------------------------------------------------------------------------


class RawPeer:
    """Exchange bytes with a forked process over a bare socketpair.

    Args:
        floors: forks it.
        packed: whether both ends pack and unpack with msgpack, as whoever writes this by hand has to.
    """

    def __init__(self, floors: FloorServer, *, packed: bool = False) -> None:
        self._child = floors.fork("packed" if packed else "echo")
        self._sock = self._child.sock
        self.pid = self._child.pid

    def ask(self, body: bytes) -> bytes:
        """Return what the process echoes."""
        return exchange(self._sock, HEADER.pack(len(body)) + body)

    def ask_packed(self, message: object) -> object:
        """Return what the process makes of a message."""
        answer: object = msgpack.unpackb(self.ask(msgpack.packb(message)))
        return answer

    def close(self) -> None:
        """End the process."""
        self._child.close()


@contextlib.contextmanager
def _started(actor_class: type[Any], count: int = 1) -> Iterator[list[Any]]:
    refs = [actor_class.start() for _ in range(count)]
    try:
        yield refs
    finally:
        for ref in refs:
            ref.stop()


def _asks(options: Options, report: Report, floors: FloorServer) -> None:
    blocks = options.count(100, 40, 1)
    body = msgpack.packb(MESSAGE)
    labels = {
        "ours": "a child in a process",
        "pykka": "Pykka's ThreadingActor",
        "packed": "raw socketpair, msgpack at both ends",
        "raw": "raw socketpair",
    }
    with (
        _started(Echo) as ours,
        _started(ThreadEcho) as pykkas,
        contextlib.closing(RawPeer(floors, packed=True)) as packed,
        contextlib.closing(RawPeer(floors)) as raw,
    ):
        contenders: Contenders = {
            "ours": (ours[0].ask, MESSAGE),
            "pykka": (pykkas[0].ask, MESSAGE),
            "packed": (packed.ask_packed, MESSAGE),
            "raw": (raw.ask, body),
        }
        report.header("ask, microseconds, placed by the scheduler", *_COLUMNS)
        taken = _in_turns(contenders, blocks, _BLOCK, report.progress)
        _ask_rows(report, taken, labels)
        report.figure("pykka_ask_us_p50", summarize(taken["pykka"], 1e6).p50)
        report.figure("ask_free_over_raw", ratio(taken["ours"], taken["raw"]))
        del contenders["pykka"], labels["pykka"]
        pids = [ours[0].pid, packed.pid, raw.pid]
        for processors, key, words in ((1, "one_cpu", "one processor"), (2, "two_cpus", "two processors")):
            with _placed(processors, pids) as placed:
                if placed:
                    report.header(f"the same, asker and child kept on {words}", *_COLUMNS)
                    taken = _in_turns(contenders, blocks, _BLOCK, report.progress)
                    _ask_rows(report, taken, labels)
                    report.figure(f"ask_{key}_over_raw", ratio(taken["ours"], taken["raw"]))
    # The headline is of the last row: who answers is on another processor, for both. Left to itself the
    # scheduler puts the bare echo on the asker's own processor, where a wake-up costs an eighth, and a
    # child that does more than echo on the other: that ratio compares two placements.
    for key, name in (("ask_us_p50", "ours"), ("raw_us_p50", "raw")):
        report.figure(key, summarize(taken[name], 1e6).p50)
    report.figure("ask_us_p99", summarize(taken["ours"], 1e6).p99)
    report.figure("raw_packed_us_p50", summarize(taken["packed"], 1e6).p50)
    report.figure("ask_over_raw", ratio(taken["ours"], taken["raw"]))
    report.figure("ask_over_raw_paired", paired_ratio(taken["ours"], taken["raw"]))
    report.figure("ask_over_raw_packed", ratio(taken["ours"], taken["packed"]))


@contextlib.contextmanager
def _placed(processors: int, pids: list[int]) -> Iterator[bool]:
    """Keep this thread on one processor and the processes on it too, or on another; False where there is none.

    Two processes that talk share a processor or not as the scheduler likes, and it makes a difference of
    up to ten times: to wake the other processor costs more than all else.
    """
    if not hasattr(os, "sched_setaffinity") or len(allowed := sorted(os.sched_getaffinity(0))) < processors:
        yield False
        return
    os.sched_setaffinity(0, allowed[:1])
    for pid in pids:
        os.sched_setaffinity(pid, [allowed[processors - 1]])
    try:
        yield True
    finally:
        for pid in (0, *pids):
            os.sched_setaffinity(pid, allowed)


def _in_turns(
    contenders: Contenders,
    blocks: int,
    block: int,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, list[float]]:
    """Ask each contender a block of times, in turns; return the seconds of each ask. Answers are checked."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for ask, message in contenders.values():
        _ask_often(ask, message, 20)
    for number in range(blocks):
        for name, (ask, message) in contenders.items():
            taken[name] += _ask_often(ask, message, block)
        progress(f"  block {number + 1} of {blocks}")
    return taken


def _ask_often(ask: Callable[[Any], Any], message: Any, count: int) -> list[float]:
    clock = time.perf_counter
    taken = []
    for _ in range(count):
        begun = clock()
        answer = ask(message)
        taken.append(clock() - begun)
        if answer != message:
            raise AssertionError(f"an answer is not what was asked: {answer!r:.200}")
    return taken


def _ask_rows(report: Report, taken: dict[str, list[float]], labels: dict[str, str]) -> None:
    for name, label in labels.items():
        sums = summarize(taken[name], 1e6)
        ratios = ratio(taken[name], taken["raw"]), paired_ratio(taken[name], taken["raw"])
        report.row(label, sums.p50, sums.p90, sums.p99, sums.low, *ratios, sums.count)


# -- tells -----------------------------------------------------------------------------------------


def _tells(options: Options, report: Report, floors: FloorServer) -> None:
    rounds, count = options.count(25, 9, 1), options.count(30_000, 20_000, 500)
    ours, raws = [], []
    with _started(Counter) as refs, contextlib.closing(floors.fork("count")) as child:
        _tell_often(refs[0], 200)
        _send_often(child.sock, 200)
        for number in range(rounds):
            ours.append(count / _tell_often(refs[0], count))
            raws.append(count / _send_often(child.sock, count))
            report.progress(f"  round {number + 1} of {rounds}")
    report.header("tell, messages a second, all counted", "median", "min", "max", "", "/ raw", "paired", "rounds")
    for label, rates in (("a child in a process", ours), ("raw socketpair, one send a message", raws)):
        sums = summarize(rates)
        report.row(label, sums.p50, sums.low, sums.high, None, ratio(rates, raws), paired_ratio(rates, raws), rounds)
    report.figure("tell_per_s", summarize(ours).p50, 0)
    report.figure("raw_tell_per_s", summarize(raws).p50, 0)
    report.figure("tell_over_raw", ratio(ours, raws))
    report.figure("tell_over_raw_paired", paired_ratio(ours, raws))


def _tell_often(ref: Ref, count: int) -> float:
    """Tell so many messages; return the seconds until the child has counted them all."""
    begun = time.perf_counter()
    for _ in range(count):
        ref.tell(MESSAGE)
    counted = ref.ask("count")
    elapsed = time.perf_counter() - begun
    if counted != count:
        raise AssertionError(f"{count} told, {counted} received")
    return elapsed


def _send_often(sock: socket.socket, count: int) -> float:
    body = msgpack.packb(MESSAGE)
    data = HEADER.pack(len(body)) + body
    question = HEADER.pack(5) + b"count"
    begun = time.perf_counter()
    for _ in range(count):
        sock.sendall(data)
    sock.sendall(question)
    counted = int.from_bytes(receive_frame(sock), "little")
    elapsed = time.perf_counter() - begun
    if counted != count:
        raise AssertionError(f"{count} sent, {counted} received")
    return elapsed


# -- large messages --------------------------------------------------------------------------------


def _large(options: Options, report: Report, floors: FloorServer) -> None:
    report.header("large messages, echoed, microseconds", *_COLUMNS)
    with _started(Echo) as refs, contextlib.closing(RawPeer(floors)) as raw:
        for size, unit in ((10_000, "10 KB"), (1_000_000, "1 MB")):
            blocks = options.count(20, 10, 1) if size < 100_000 else options.count(20, 8, 1)
            block = options.count(50, 50, 2) if size < 100_000 else options.count(5, 5, 1)
            contenders: Contenders = {
                "text": (refs[0].ask, "x" * size),
                "bytes": (refs[0].ask, b"x" * size),
                "raw": (raw.ask, b"x" * size),
            }
            taken = _in_turns(contenders, blocks, block)
            _ask_rows(
                report,
                taken,
                {"text": f"{unit} str", "bytes": f"{unit} bytes", "raw": f"{unit} raw socketpair"},
            )
            for name in ("text", "bytes"):
                key = f"ask_{unit.replace(' ', '').lower()}_{name}"
                report.figure(f"{key}_us_p50", summarize(taken[name], 1e6).p50)
                report.figure(f"{key}_over_raw", ratio(taken[name], taken["raw"]))


# -- many ------------------------------------------------------------------------------------------


def _many_children(options: Options, report: Report, floors: FloorServer) -> None:
    count = options.count(50, 50, 3)
    blocks = options.count(40, 15, 1)
    body = msgpack.packb(MESSAGE)
    report.header(f"{count} children in turn, microseconds an ask", *_COLUMNS)
    with (
        _started(Echo, count) as ours,
        _started(ThreadEcho, count) as pykkas,
        contextlib.ExitStack() as stack,
    ):
        raws = [stack.enter_context(contextlib.closing(RawPeer(floors))) for _ in range(count)]
        taken: dict[str, list[float]] = {"ours": [], "pykka": [], "raw": []}
        for number in range(blocks):
            for name, peers, message in (
                ("ours", ours, MESSAGE),
                ("pykka", pykkas, MESSAGE),
                ("raw", raws, body),
            ):
                for peer in peers:
                    taken[name] += _ask_often(peer.ask, message, 1)
            report.progress(f"  round {number + 1} of {blocks}")
    labels = {"ours": "children in processes", "pykka": "Pykka's ThreadingActors", "raw": "raw socketpairs"}
    _ask_rows(report, taken, labels)
    report.figure("ask_50_children_us_p50", summarize(taken["ours"], 1e6).p50)
    report.figure("ask_50_children_over_raw", ratio(taken["ours"], taken["raw"]))


def _many_threads(options: Options, report: Report) -> None:
    rounds, asks = options.count(10, 4, 1), options.count(2000, 800, 20)
    report.header("four asking threads, asks a second in all", "median", "min", "max", "", "", "", "rounds")
    with _started(Echo, 4) as ours, _started(ThreadEcho, 4) as pykkas:
        for label, key, targets in (
            ("to one child", "ask_4_threads_1_child_per_s", ours[:1] * 4),
            ("to one of Pykka's actors", None, pykkas[:1] * 4),
            ("to four children", "ask_4_threads_4_children_per_s", ours),
            ("to four of Pykka's actors", None, pykkas),
        ):
            rates = [_ask_from_threads(targets, asks) for _ in range(rounds)]
            sums = summarize(rates)
            report.row(label, sums.p50, sums.low, sums.high, None, None, None, rounds)
            if key:
                report.figure(key, sums.p50, 0)


@dataclass(slots=True)
class _Tally:
    answers: int = 0
    errors: list[BaseException] = field(default_factory=list)


def _ask_from_threads(refs: list[Any], count: int) -> float:
    """Have one thread for each ref ask so often; return answers a second, all of them counted."""
    gate = threading.Barrier(len(refs) + 1)
    tallies = [_Tally() for _ in refs]

    def ask(ref: Any, tally: _Tally) -> None:
        gate.wait()
        try:
            for _ in range(count):
                tally.answers += ref.ask(MESSAGE) == MESSAGE
        except Exception as error:
            tally.errors.append(error)

    threads = [threading.Thread(target=ask, args=pair) for pair in zip(refs, tallies, strict=True)]
    for thread in threads:
        thread.start()
    gate.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - begun
    answers = sum(tally.answers for tally in tallies)
    if answers != count * len(refs):
        raise AssertionError(f"{count * len(refs)} asked, {answers} answered: {[tally.errors for tally in tallies]}")
    return answers / elapsed


def _from_asyncio(options: Options, report: Report) -> None:
    count = options.count(3000, 1000, 20)
    report.header("from asyncio", "p50", "p90", "p99", "min", "", "", "asks")
    with _started(Echo) as refs:
        taken = asyncio.run(_await_often(refs[0], count))
        sums = summarize(taken, 1e6)
        report.row("await ref.aask(), one at a time, us", sums.p50, sums.p90, sums.p99, sums.low, None, None, count)
        report.figure("aask_us_p50", sums.p50)
        rate = asyncio.run(_gather(refs[0], count))
        report.row("ten at a time, a second", rate, None, None, None, None, None, count)
        report.figure("aask_10_per_s", rate, 0)


async def _await_often(ref: Ref, count: int) -> list[float]:
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        answer = await ref.aask(MESSAGE)
        taken.append(time.perf_counter() - begun)
        if answer != MESSAGE:
            raise AssertionError(f"an answer is not what was asked: {answer!r:.200}")
    return taken


async def _gather(ref: Ref, count: int) -> float:
    begun = time.perf_counter()
    for first in range(0, count, 10):
        answers = await asyncio.gather(*(ref.aask([number, MESSAGE]) for number in range(first, first + 10)))
        if answers != [[number, MESSAGE] for number in range(first, first + 10)]:
            raise AssertionError("answers are not what was asked")
    return count / (time.perf_counter() - begun)
