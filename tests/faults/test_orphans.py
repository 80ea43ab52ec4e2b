"""Nobody is left behind when the application is killed, whatever its children do then."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from supervision.testing import wait_until
from tests.faults.helpers import Program, alive, states

_ALL_KINDS = """
configure(spares=1, preload=tuple(sys.argv[1:]))
refs = [Subject.start() for _ in range(10)]
pids = [ref.pid for ref in refs]
for ref in refs[0:2]: ref.tell(("busy_in_c",))
for ref in refs[2:4]: ref.tell(("busy_in_a_pattern",))
for pid in pids[4:6]: os.kill(pid, signal.SIGSTOP)
for ref in refs[6:8]: ref.ask(("popen", "sleep 99 & sleep 99"))
refs[8].tell(("deaf_sleep",))
wait_until(lambda: states(pids[0:6]) == "RRRRTT")
say(pids)
hear()
"""


def test_sigkill_of_the_application_ends_children_that_are_idle_busy_stopped_deaf_or_have_children() -> None:
    for _ in range(2):
        with Program(_ALL_KINDS) as program:
            pids = program.hear()
            assert len(program.left()) >= len(pids) + 4
            program.kill()
            wait_until(lambda: not program.left(), timeout=1.0)


def test_without_the_lifeline_they_live_on() -> None:
    with Program(_ALL_KINDS, "tests.faults.sabotage.no_lifeline") as program:
        pids = program.hear()
        program.kill()
        # Those that do not read their socket never learn of it: the stopped, the busy, the deaf.
        wait_until(lambda: len([pid for pid in pids if alive(pid)]) <= 7)
        assert all(map(alive, pids[0:6]))
        assert states(pids[4:6]) == "TT"


def test_with_a_thread_that_reads_the_pipe_alone_the_stopped_and_the_busy_live_on() -> None:
    with Program(_ALL_KINDS, "tests.faults.sabotage.pipe_alone") as program:
        pids = program.hear()
        program.kill()
        wait_until(lambda: not alive(pids[9]))
        assert all(map(alive, [*pids[0:2], *pids[4:6]]))


@pytest.mark.parametrize("seed", range(6))
def test_sigkill_in_the_middle_of_starting_leaves_nobody(seed: int) -> None:
    """At any moment: before the zygote runs, while it imports, while it forks, while children start."""
    source = """
say("begin")
Supervisor.start([ChildSpec(id=n, start=(Subject, (), {})) for n in range(8)], spares=4)
say("up")
hear()
"""
    chance = random.Random(seed)
    delay = chance.uniform(0.0, 0.25)
    with Program(source) as program:
        assert program.hear() == "begin"
        with pytest.raises(TimeoutError):  # any moment will do: this is no wait for something
            wait_until(lambda: False, timeout=delay)
        program.kill()
        wait_until(lambda: not program.left(), timeout=1.5)


_LATE = """
configure(spares=3, preload=tuple(sys.argv[1:]))
app = application.application()
app.loop.call_soon(app.launcher.reserve, 0)
wait_until(lambda: len(app._ask_loop(lambda: list(app.launcher._unready))) == 3)
say(app._ask_loop(app.launcher.pids))
hear()
"""


def test_a_child_that_binds_its_life_too_late_sees_that_the_application_is_gone() -> None:
    with Program(_LATE, "tests.faults.sabotage.slow_arming") as program:
        pids = program.hear()
        assert len(pids) == 4
        program.kill()
        wait_until(lambda: not program.left(), timeout=1.5)


def test_the_children_of_a_killed_child_are_killed_with_it() -> None:
    source = """
configure(preload=tuple(sys.argv[1:]))
for name in sys.argv[1:]: __import__(name)
ref = Subject.start()
ref.ask(("popen", "sleep 99 & sleep 99"))
pid = ref.pid
group = wait_until(lambda: [int(p) for p in os.listdir("/proc") if p.isdigit() and int(p) != pid
                            and os.path.exists("/proc/" + p) and _group(int(p)) == pid][2:] and True)
os.kill(pid, signal.SIGKILL)
wait_until(lambda: not ref.is_alive())
say(pid)
hear()
"""
    prelude = """
def _group(pid):
    try: return os.getpgid(pid)
    except ProcessLookupError: return 0
"""
    with Program(prelude + source) as program:
        program.hear()
        wait_until(lambda: not _sleepers(program), timeout=0.5)
    with Program(prelude + source, "tests.faults.sabotage.no_group_kill") as program:
        program.hear()
        assert len(_sleepers(program)) == 3


def _sleepers(program: Program) -> list[int]:
    found = []
    for pid in program.left():
        try:
            with open(f"/proc/{pid}/comm") as comm:
                if comm.read().strip() in ("sleep", "sh"):
                    found.append(pid)
        except OSError:
            continue
    return found


def test_the_children_of_a_child_are_killed_with_it_also_when_its_fork_server_is_gone() -> None:
    source = """
ref = Subject.start()
ref.ask(("popen", "sleep 99 & sleep 99"))
first = zygote_pid()
os.kill(first, signal.SIGKILL)
wait_until(lambda: zygote_pid() != first)
os.kill(ref.pid, signal.SIGKILL)
wait_until(lambda: not ref.is_alive())
say("dead")
hear()
"""
    with Program(source) as program:
        program.hear()
        wait_until(lambda: not _sleepers(program), timeout=2.0)


def test_a_grandchild_in_a_session_of_its_own_survives_the_child_which_is_a_known_limit() -> None:
    source = """
ref = Subject.start()
grandchild = ref.ask(("popen", "sleep 99", True))
os.kill(ref.pid, signal.SIGKILL)
wait_until(lambda: not ref.is_alive())
say(grandchild)
hear()
"""
    with Program(source) as program:
        assert alive(program.hear())


def test_a_pool_of_multiprocessing_in_an_actor_dies_with_it() -> None:
    before = set(Path("/dev/shm").iterdir())
    source = """
ref = Subject.start()
say(ref.ask(("use_a_pool",)))
os.kill(ref.pid, signal.SIGKILL)
wait_until(lambda: not ref.is_alive())
say("dead")
hear()
"""
    with Program(source) as program:
        pids = program.hear()
        assert len(pids) == 2
        program.hear()
        wait_until(lambda: not any(map(alive, pids)), timeout=2.0)
    for semaphore in set(Path("/dev/shm").iterdir()) - before:
        semaphore.unlink()  # multiprocessing's tracker, which would do it, is killed as well


def test_an_application_that_ends_without_a_word_leaves_nobody() -> None:
    """`os._exit` runs no atexit function, and an unhandled exception does: neither leaves a process."""
    for ending in ("os._exit(3)", "raise RuntimeError"):
        with Program(f"refs = [Subject.start() for _ in range(3)]\nsay(1)\n{ending}") as program:
            program.hear()
            assert program.end() in (1, 3)
            wait_until(lambda: not program.left(), timeout=1.0)
