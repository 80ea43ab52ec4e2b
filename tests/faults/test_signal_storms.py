"""Many signals at once, and handlers that raise in the middle of anything: nothing is lost, nobody is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time

import pytest

from supervision.testing import wait_until
from tests.faults.helpers import Program

_STORM = """
seen = [0]
def count(*_): seen[0] += 1
for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGCHLD): signal.signal(number, count)
if sys.argv[1:] == ["a read that is interrupted is an error"]:  # as before PEP 475
    from supervision.process.frames import FrameReader
    plain = FrameReader.receive
    def receive(self, recv):
        before, alive = seen[0], plain(self, recv)
        if seen[0] != before and threading.current_thread() is threading.main_thread(): raise InterruptedError
        return alive
    FrameReader.receive = receive
tree = Supervisor.start([ChildSpec(id=n, start=(Subject, (), {})) for n in range(3)], intensity=10000)
refs = [tree[n] for n in range(3)]
say("ready")
answered, lost, running = 0, 0, [True]
def listen(): hear(); running[0] = False
threading.Thread(target=listen).start()
while running[0] or not answered:
    for ref in refs:
        try: answered += ref.ask(("sleep", 0.003)) is None
        except ActorDown: lost += 1
        if answered % 30 == 29 and ref.pid: os.kill(ref.pid, signal.SIGKILL); answering_pid(ref)
say([answered > 0, seen[0] > 0, lost, [answering_pid(ref) > 0 for ref in refs]])
"""


def storm(program: Program) -> list[object]:
    """Send signals for a second, at least four thousand, to a program that asks; return how it fared."""
    assert program.hear() == "ready"
    begun, count = time.monotonic(), 0
    while count < 4000 or time.monotonic() - begun < 1.0:
        os.kill(program.process.pid, (signal.SIGUSR1, signal.SIGHUP, signal.SIGCHLD)[count % 3])
        count += 1
        os.sched_yield()
    program.say()
    found: list[object] = program.hear()
    return found


def test_a_storm_of_signals_leaves_the_application_supervising() -> None:
    with Program(_STORM) as program:
        assert storm(program) == [True, True, 0, [True, True, True]]
        assert program.end() == 0
        assert program.errors() == ""


def test_were_an_interrupted_read_the_end_of_a_child_it_would_cost_children() -> None:
    with Program(_STORM, "a read that is interrupted is an error") as program:
        assert storm(program)[2] != 0


_INTERRUPTED = """
from pykka import Timeout
if sys.argv[1:] == ["bytes that wait in a variable"]:
    from supervision.process.frames import FrameReader
    def receive(self, recv):
        data = recv(65536)
        for _ in range(20_000): pass  # the bytecodes between the arrival of bytes and their place, and some more
        self._state[3].append(data)
        return bool(data)
    FrameReader.receive = receive
ref, size = Subject.start(), int(sys.argv[1]) if sys.argv[1].isdigit() else 300_000
interrupted = wrong = count = 0
def poke():
    for _ in range(300):
        time.sleep(0.0007)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    done.append(1)
done, armed = [], []
def interrupt(*_):
    if armed:  # once for each ask, and not where this program keeps its books
        armed.clear()
        raise KeyboardInterrupt
signal.signal(signal.SIGINT, interrupt)
thread = threading.Thread(target=poke, daemon=True); thread.start()
while not done:
    count += 1
    try:
        armed.append(1)
        found = ref.ask(("text", size + count % 100), timeout=10)
        armed.clear()
        if len(found) != size + count % 100: wrong += 1
    except KeyboardInterrupt:
        interrupted += 1
    except (ActorDown, Timeout):
        wrong += 1
        done.append(1)
armed.clear()
thread.join()
say([interrupted > 0, wrong, outcome_of(lambda: ref.ask(("echo", -1), timeout=10), 20)])
"""


@pytest.mark.parametrize("size", [10, 300_000])
def test_a_keyboard_interrupt_in_an_asking_thread_loses_no_answer(size: int) -> None:
    """The signal's handler raises at any bytecode of the reader; the stream stays in step."""
    with Program(_INTERRUPTED, size) as program:
        assert program.hear() == [True, 0, "-1"]


def test_were_bytes_in_a_variable_for_a_moment_the_stream_would_fall_out_of_step() -> None:
    with Program(_INTERRUPTED, "bytes that wait in a variable") as program:
        _, wrong, last = program.hear()
        assert wrong or last != "-1"


_RUN = """
if sys.argv[1:] == ["no descriptor that wakes"]:
    signal.set_wakeup_fd = lambda *_, **__: -1
tree = Supervisor.start([ChildSpec(id=n, start=(Polite, (0.3,), {})) for n in range(3)])
plain, reads = os.read, []
def read(descriptor, count):
    if count == 1:  # `run` waits
        reads.append(descriptor)
        if len(reads) == 2: say("waits")  # the first finds a byte of its own
    return plain(descriptor, count)
os.read = read
raise SystemExit(run(tree))
"""


def terminate(program: Program, times: int) -> None:
    """Send SIGTERM so often, or until the program has ended."""
    assert program.hear() == "waits"
    for _ in range(times):
        with contextlib.suppress(ProcessLookupError):
            os.kill(program.process.pid, signal.SIGTERM)


def test_a_storm_of_sigterm_ends_a_running_tree_once_and_quietly() -> None:
    with Program(_RUN) as program:
        terminate(program, 1000)
        assert program.end() in (0, -signal.SIGTERM)  # the second: one came when the handlers were put back
        assert program.errors() == ""
        wait_until(lambda: not program.left(), timeout=2)


def test_without_the_descriptor_that_wakes_it_nobody_would_act_on_a_signal() -> None:
    """Its handler only takes note: the read that it interrupts goes on."""
    with Program(_RUN, "no descriptor that wakes") as program:
        terminate(program, 1)
        with pytest.raises(subprocess.TimeoutExpired):
            program.end(1.5)
