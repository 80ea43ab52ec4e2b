"""Only the making of processes differs: a part of the suite again by the other launcher and the other poller."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from supervision import configure
from tests.faults.helpers import ROOT, Program

_PART = [
    "tests/test_smoke.py",
    "tests/faults/test_reaping.py::test_each_kind_of_end_is_told_as_what_it_was",
    "tests/faults/test_reaping.py::test_a_child_that_exits_before_it_is_ready_is_a_failed_start",
    "tests/faults/test_reaping.py::test_an_error_in_on_start_is_a_failed_start_with_the_remote_text",
    "tests/faults/test_frames_from_children.py::test_an_ask_that_is_open_when_its_child_sends_nonsense_fails_with_the_reason",
    "tests/faults/test_frames_from_children.py::test_a_child_that_hangs_up_and_lives_on_is_ended",
    "tests/faults/test_signals.py::test_ctrl_c_does_not_reach_children",
    "tests/faults/test_shutdown.py::test_a_stopped_child_is_killed_at_its_deadline_without_stacks",
]
_MORE = [
    "tests/faults/test_frames_from_children.py::test_nonsense_from_a_child_is_an_ordinary_crash_of_that_child",
    "tests/faults/test_resources.py::test_one_stopped_child_does_not_slow_the_others_and_its_outbox_is_bounded",
    "tests/faults/test_resources.py::test_a_message_that_kills_its_receiver_costs_one_crash_and_is_not_delivered_again",
    "tests/faults/test_shutdown.py::test_polite_slow_and_deaf_children_end_in_reverse_order_each_in_its_time",
]


def _run(tests: list[str], *options: str, **variables: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run(
        [*command, *options, *tests], env={**os.environ, **variables}, cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode()[-4000:]


@pytest.mark.slow
def test_a_part_of_the_suite_passes_by_spawn() -> None:
    _run(_PART, SUPERVISION_LAUNCHER="spawn")


@pytest.mark.slow
def test_a_part_of_the_suite_passes_with_the_portable_poller() -> None:
    _run([*_PART, *_MORE], "-p", "tests.faults.sabotage.no_epoll")


def test_the_sabotage_of_epoll_takes_effect() -> None:
    source = """
import tests.faults.sabotage.no_epoll
say(Subject.start().ask(("echo", 1)))
say(type(application.application().loop.poller).__name__)
"""
    with Program(source) as program:
        assert program.hear() == 1
        assert program.hear() == "SelectorPoller"


def test_the_environment_selects_the_portable_launcher() -> None:
    source = """
ref = Subject.start()
say([type(application.application().launcher).__name__, "multiprocessing.spawn" in ref.ask(("modules",))])
"""
    with Program(source, SUPERVISION_LAUNCHER="spawn") as program:
        assert program.hear() == ["SpawnLauncher", True]
    with Program(source) as program:
        assert program.hear() == ["ZygoteLauncher", False]


def test_an_unknown_launcher_and_too_late_a_change_are_refused() -> None:
    with pytest.raises(ValueError, match="'zygote' or 'spawn'"):
        _configure_in_a_fresh_state(launcher="magic")
    from tests.faults.actors import Subject

    ref = Subject.start()
    with pytest.raises(RuntimeError, match="before the first"):
        configure(spares=3)
    assert ref.stop()


def _configure_in_a_fresh_state(**changes: object) -> None:
    from supervision.process.application import shutdown

    shutdown()
    configure(**changes)


def test_spawned_children_die_with_the_application() -> None:
    source = """
refs = [Subject.start() for _ in range(3)]
refs[0].tell(("busy_in_c",))
os.kill(refs[1].pid, signal.SIGSTOP)
wait_until(lambda: states([refs[0].pid, refs[1].pid]) == "RT")
say([ref.pid for ref in refs])
hear()
"""
    from supervision.testing import wait_until
    from tests.faults.helpers import alive

    with Program(source, SUPERVISION_LAUNCHER="spawn") as program:
        pids = program.hear()
        program.kill()
        wait_until(lambda: not any(map(alive, pids)), timeout=1.0)
