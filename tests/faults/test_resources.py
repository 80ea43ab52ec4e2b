"""Time that jumps, memory that runs out, a child that does not read, a disk that is full."""

from __future__ import annotations

import gc
import logging
import os
import signal
import time
import tracemalloc
from pathlib import Path

import pytest

from supervision import ActorDown, ChildSpec, MailboxFull, Ref, Supervisor
from supervision.process.outbox import Outbox
from supervision.testing import capture_events, wait_until
from tests.faults.actors import LeavesAMark, Subject
from tests.faults.helpers import Program, answering_pid, own_runtime, tree_of

DOWN = ("supervision", "child", "down")


_JUMPS = """
from types import SimpleNamespace
from supervision.tree import performer
real, looks = time.time, [0]
def forth(): return 3600 * looks[0]
def forth_and_back(): return 3600 if looks[0] % 2 else -3600
jump = {"forth": forth, "forth and back": forth_and_back}[sys.argv[1]]
def jumping():
    looks[0] += 1
    return real() + jump()
time.time = jumping
if sys.argv[2:] == ["by the wall"]: performer.time = SimpleNamespace(monotonic=jumping)
tree = Supervisor.start([ChildSpec(id=n, start=(Subject, (), {})) for n in range(3)], intensity=5, period=60)
pids = [tree[n].pid for n in range(3)]
for n in range(3):
    os.kill(pids[n], signal.SIGKILL)
    answering_pid(tree[n], other_than=pids[n])
say(tree[0].ask(("echo", 1), timeout=5))
say(tree.is_alive())
for _ in range(3):
    pid = tree[1].pid
    os.kill(pid, signal.SIGKILL)
    def is_over():
        now = outcome_of(lambda: tree[1].ask(("pid",), timeout=1))
        return not tree.is_alive() or now not in ("ActorDown", str(pid))
    wait_until(is_over)
    if not tree.is_alive(): break
say(str(tree.wait(10)) if not tree.is_alive() else "alive")
"""


@pytest.mark.parametrize("jump", ["forth", "forth and back"])
def test_a_wall_clock_that_jumps_by_an_hour_at_each_look_changes_nothing(jump: str) -> None:
    with Program(_JUMPS, jump) as program:
        assert program.hear() == 1
        assert program.hear() is True
        assert program.hear() == "shutdown"  # the sixth restart within the minute was one too many


def test_decisions_by_the_wall_clock_would_forget_the_restarts_within_the_minute() -> None:
    with Program(_JUMPS, "forth", "by the wall") as program:
        assert [program.hear() for _ in range(3)] == [1, True, "alive"]


def test_one_stopped_child_does_not_slow_the_others_and_its_outbox_is_bounded() -> None:
    with (
        own_runtime(outbox_bytes=2 * 2**20),
        tree_of(*(ChildSpec(id=n, start=(Subject, (), {})) for n in range(4))) as tree,
    ):
        pid = answering_pid(tree[0])
        os.kill(pid, signal.SIGSTOP)
        sent = _fill(tree[0])
        assert 1_500 < sent < 4_000
        took = []
        for count in range(600):
            began = time.perf_counter()
            assert tree[1 + count % 3].ask(("echo", count), timeout=10) == count
            took.append(time.perf_counter() - began)
        assert sorted(took)[590] < 0.05
        os.kill(pid, signal.SIGCONT)
        kept = [number for number, _ in tree[0].ask(("seen",), timeout=20)]
        assert kept == list(range(sent))  # in order, none lost, none of the refused
        assert answering_pid(tree[0]) == pid


def _fill(ref: Ref) -> int:
    """Send numbered messages until one is refused; return its number."""
    for number in range(10_000):
        try:
            ref.tell(("keep", [number, "x" * 1000]))
        except MailboxFull:
            return number
    raise AssertionError("ten thousand messages were taken")


def test_without_the_bound_everything_is_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Outbox.__init__
    monkeypatch.setattr(Outbox, "__init__", lambda self, sock, limit, *rest: before(self, sock, 2**40, *rest))
    with own_runtime(outbox_bytes=2**20, spares=0):
        ref = Subject.start()
        os.kill(ref.pid, signal.SIGSTOP)  # type: ignore[arg-type]
        for _ in range(3000):
            ref.tell(("keep", "x" * 1000))
        os.kill(ref.pid, signal.SIGKILL)  # type: ignore[arg-type]
        wait_until(lambda: not ref.is_alive())


def test_a_stopped_child_with_a_full_outbox_can_still_be_ended() -> None:
    with own_runtime(outbox_bytes=2**20), tree_of(ChildSpec(id="a", start=(Subject, (), {}), shutdown=0.2)) as tree:
        os.kill(answering_pid(tree["a"]), signal.SIGSTOP)
        assert _fill(tree["a"]) > 500
        began = time.monotonic()
        tree.terminate_child("a")
        assert time.monotonic() - began < 2


def test_an_actor_out_of_memory_says_so_to_its_asker() -> None:
    ref = Subject.start()
    with pytest.raises(MemoryError):
        ref.ask(("allocate", 512 * 2**20), timeout=10)
    assert ref.stop()


def test_a_child_offers_itself_to_the_oom_killer_before_the_application() -> None:
    with open("/proc/self/oom_score_adj") as file:
        own = int(file.read())
    ref = Subject.start()
    assert ref.ask(("oom_score",), timeout=10) == 500 > own
    assert ref.stop()


def test_without_the_offer_it_would_be_no_better_a_victim_than_the_application() -> None:
    with open("/proc/self/oom_score_adj") as file:
        own = int(file.read())
    with own_runtime(spares=0, preload=("tests.faults.sabotage.no_offer",)):
        ref = Subject.start()
        assert ref.ask(("oom_score",), timeout=10) == own


def test_the_offer_never_protects_a_child_more_than_the_application() -> None:
    """As where a container has given all its processes a high score, and they are root's."""
    source = """
with open("/proc/self/oom_score_adj", "w") as file: file.write("700")
say(Subject.start().ask(("oom_score",)))
"""
    with Program(source) as program:
        assert program.hear() == 700


def random_numbers_of_eight_children(*preload: str) -> set[float]:
    """Return the first that each draws, of eight that were forked from one process with a generator in it."""
    children = [ChildSpec(id=n, start=(Subject, (), {})) for n in range(8)]
    with own_runtime(spares=2, preload=("random", *preload)), tree_of(*children) as tree:
        return {tree[n].ask(("random",), timeout=10) for n in range(8)}


def test_random_numbers_differ_between_children() -> None:
    assert len(random_numbers_of_eight_children()) == 8


def test_without_a_seed_of_their_own_they_would_all_be_the_same() -> None:
    assert len(random_numbers_of_eight_children("tests.faults.sabotage.shared_random")) == 1


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    source = """
logging.basicConfig(filename="/dev/full", level=logging.DEBUG)
logging.raiseExceptions = False
tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {}))], intensity=1000)
pid = tree["a"].pid
for _ in range(20):
    os.kill(pid, signal.SIGKILL)
    pid = answering_pid(tree["a"], other_than=pid)
say(tree.stop(timeout=10))
"""
    with Program(source) as program:
        assert program.hear() is True


_BLOCKED = """
if sys.argv[1:] == ["told by the loop"]:
    from supervision.reporter import reporter
    reporter.put = lambda function: function()
gate = threading.Event()
class Blocking(logging.Handler):
    def emit(self, record): gate.wait(20)
logging.getLogger().addHandler(Blocking())
from supervision import telemetry
telemetry.attach("blocks", ("supervision", "child", "down"), lambda *_: gate.wait(20))
tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {}))], intensity=1000)
def kill_ten_times():
    pid = tree["a"].pid
    for _ in range(10):
        os.kill(pid, signal.SIGKILL)
        pid = answering_pid(tree["a"], other_than=pid)
    return "healed"
say(outcome_of(kill_ten_times, float(hear())))
gate.set()
say(tree.stop(timeout=10))
"""


def test_a_log_handler_or_event_handler_that_blocks_stops_no_restart() -> None:
    with Program(_BLOCKED) as program:
        program.say(15)
        assert program.hear() == "'healed'"
        assert program.hear() is True


def test_were_the_loop_itself_to_tell_it_would_stop_them() -> None:
    with Program(_BLOCKED, "told by the loop") as program:
        program.say(1)
        assert program.hear() == "hangs"
        assert program.hear() is True


def test_many_restarts_keep_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "supervision")  # pytest keeps every record with what it holds
    with (
        own_runtime(spares=1),
        tree_of(ChildSpec(id="a", start=(Subject, (), {})), period=1) as tree,
    ):

        def restart(times: int) -> None:
            pid = 0
            for _ in range(times):
                pid = answering_pid(tree["a"], other_than=pid)
                os.kill(pid, signal.SIGKILL)
            answering_pid(tree["a"], other_than=pid)

        def kept() -> list[tracemalloc.StatisticDiff]:
            gc.collect()
            grown = tracemalloc.take_snapshot().compare_to(before, "lineno")
            return [line for line in grown if _is_ours(line) and line.size_diff > 64 * 1024]

        restart(50)
        tracemalloc.start()
        try:
            restart(50)
            gc.collect()
            before = tracemalloc.take_snapshot()
            restart(150)
            wait_until(lambda: not kept(), interval=0.1)  # timers that are due in a second hold the last ones
        finally:
            tracemalloc.stop()


def _is_ours(line: tracemalloc.StatisticDiff) -> bool:
    return "supervision" in line.traceback[0].filename


def test_the_number_of_restarts_is_exact_and_no_more_follow(tmp_path: Path) -> None:
    """systemd's test: each life appends one byte; first start and `intensity` restarts, then none."""
    path = f"{tmp_path}/lives"
    tree = Supervisor.start([ChildSpec(id="a", start=(LeavesAMark, (path,), {}))], intensity=3, period=60)
    assert tree.wait(20) is not None
    with open(path) as file:
        assert file.read() == "aaaa"
    with pytest.raises(TimeoutError):
        wait_until(lambda: os.path.getsize(path) != 4, timeout=0.5)


def test_no_shared_memory_no_socket_with_a_name_and_no_resource_tracker() -> None:
    before = set(os.listdir("/dev/shm"))
    with own_runtime(), tree_of(*(ChildSpec(id=n, start=(Subject, (), {})) for n in range(3))) as tree:
        pids = [answering_pid(tree[n]) for n in range(3)]
        inodes = {
            target.partition("[")[2].rstrip("]")
            for n in range(3)
            for target in tree[n].ask(("descriptors",), timeout=10).values()
            if target.startswith("socket")
        }
        with open("/proc/net/unix") as file:
            named = [line for line in file if len(line.split()) > 7 and line.split()[6] in inodes]
        assert named == []
        assert set(os.listdir("/dev/shm")) <= before
        assert not [pid for pid in pids if b"resource_tracker" in _command(pid)]
        assert "multiprocessing.resource_tracker" not in tree[0].ask(("modules",), timeout=10)


def _command(pid: int) -> bytes:
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()


def test_no_pickle_is_loaded_in_a_child() -> None:
    source = """
configure(spares=0)
from tests.actors_for_smoke import Counter
ref = Counter.start(1)
say(ref.ask("pid"))
maps = open(f"/proc/{ref.pid}/maps").read()
say("_pickle" in maps)
"""
    with Program(source) as program:
        assert program.hear() > 0
        assert program.hear() is False


def test_a_message_that_kills_its_receiver_costs_one_crash_and_is_not_delivered_again() -> None:
    with tree_of(ChildSpec(id="a", start=(Subject, (), {}))) as tree, capture_events([DOWN]) as captured:
        pid = answering_pid(tree["a"])
        answers = []
        for number in range(100):
            message = ("signal", int(signal.SIGSEGV)) if number == 50 else ("echo", number)
            try:
                answers.append(tree["a"].ask(message, timeout=10))
            except ActorDown:
                answers.append("down")
        assert answers == [*range(50), "down", *range(51, 100)]
        assert answering_pid(tree["a"]) != pid
        wait_until(lambda: len(captured.events) == 1)  # it is told by another thread
