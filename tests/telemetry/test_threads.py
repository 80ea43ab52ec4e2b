from __future__ import annotations

import os
import signal
import threading

import pytest

from supervision import telemetry
from supervision.bus import Bus
from supervision.telemetry import (
    FAILURE,
    EventName,
)
from supervision.testing import capture_events
from tests.telemetry.recording import NO_NUMBERS, A, B, Recorder, raising


def test_threads_attach_and_detach_while_others_emit() -> None:
    stop = threading.Event()
    steady = Recorder()
    telemetry.attach("steady", A, steady)
    problems: list[BaseException] = []
    emitted = [0, 0]

    def emit(index: int) -> None:
        while not stop.is_set():
            telemetry.execute(A, {"n": 1})
            emitted[index] += 1

    def churn(index: int) -> None:
        try:
            for round_ in range(300):
                function = raising(ValueError()) if round_ % 3 == 0 else Recorder()
                telemetry.attach_many((index, round_), [A, B], function)
                telemetry.list_handlers()
                if round_ % 3:
                    telemetry.detach((index, round_))
        except BaseException as error:
            problems.append(error)

    emitters = [threading.Thread(target=emit, args=(index,)) for index in range(2)]
    churners = [threading.Thread(target=churn, args=(index,)) for index in range(2)]
    for thread in emitters + churners:
        thread.start()
    for thread in churners:
        thread.join()
    stop.set()
    for thread in emitters:
        thread.join()
    telemetry.execute(A, NO_NUMBERS)

    assert problems == []
    assert len(steady.calls) == sum(emitted) + 1
    assert {handler.id for handler in telemetry.list_handlers()} == {"steady"}
    assert telemetry.interested() == {A}


def test_of_many_threads_that_see_a_handler_fail_one_tells() -> None:
    together = threading.Barrier(8)

    def failing(*_: object) -> None:
        together.wait(10)
        raise ValueError("in all of them")

    telemetry.attach("bad", A, failing)
    with capture_events([FAILURE]) as failures:
        threads = [threading.Thread(target=telemetry.execute, args=(A, NO_NUMBERS)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(failures.events) == 1


def test_a_finaliser_that_fails_a_handler_during_a_change_neither_blocks_nor_gets_lost() -> None:
    bus = Bus()

    class Name(str):
        """Fails a handler, in this thread, in the middle of the bus building its table."""

        armed = False
        __slots__ = ()

        def __hash__(self) -> int:
            if Name.armed:
                Name.armed = False
                bus.execute(B, NO_NUMBERS)
            return super().__hash__()

    bus.attach("bad", B, raising(ValueError()))
    name: EventName = ("test", Name("c"))
    bus.attach("h", name, Recorder())
    Name.armed = True
    bus.set_forwarder((), None)
    assert not Name.armed
    assert [handler.id for handler in bus.list_handlers()] == ["h"]
    assert bus.interested() == {name}


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_copy_is_not_blocked_by_a_lock_that_another_thread_held() -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with telemetry._bus._lock:
            held.set()
            release.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)  # ends the copy where it does hang
        telemetry.attach("in the copy", A, Recorder())
        os._exit(7)
    _, status = os.waitpid(pid, 0)
    release.set()
    holder.join()
    assert os.waitstatus_to_exitcode(status) == 7
