"""`python -m supervision demo`, as people run it."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pykka
import pytest

from supervision import Ref
from supervision.demo import chaos
from supervision.demo.screen import _cut
from supervision.demo.tally import Tally

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "supervision", "demo"]


def test_everything_that_is_killed_comes_back() -> None:
    done = subprocess.run(
        [*COMMAND, "--seconds", "2.5", "--kills-per-second", "10", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    *lines, verdict, last = done.stdout.splitlines()
    figures = json.loads(last)
    assert verdict == "lost children: 0, orphans: 0"
    assert figures["lost_children"] == figures["orphans"] == 0
    assert figures["kills"] >= 5
    assert figures["restarts"] >= figures["kills"]
    assert 0 < figures["recover_ms_p50"] <= figures["recover_ms_max"]
    assert figures["asks_answered"] > 100
    assert sum(" -> " in line for line in lines) == figures["kills"], "one line for each"
    assert "\x1b" not in done.stdout
    assert "Traceback" not in done.stdout
    assert any(line.startswith("demo  supervisor, one_for_one") for line in lines)


def on_a_terminal(*options: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Run the demo on a terminal, press Ctrl-C when the first actor has come back, return exit code and output.

    One that does not end says, at its deadline, where each of its threads is.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        variables = {**os.environ, "TERM": "xterm", "PYTHONFAULTHANDLER": "1", **(environment or {})}
        os.execve(COMMAND[0], [*COMMAND, *options], variables)
    out = b""
    pressed = False
    deadline = time.monotonic() + 40
    while data := read_until(terminal, deadline):
        out += data
        if not pressed and b"back in " in out and b" -> " in out:
            pressed = True
            os.write(terminal, b"\x03")
    if time.monotonic() >= deadline:
        os.kill(pid, signal.SIGABRT)
        while data := read_until(terminal, deadline + 5):
            out += data
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), out.decode()


def read_until(terminal: int, deadline: float) -> bytes:
    """Return what the terminal shows next; nothing when it is closed or the time is over."""
    if not select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
        return b""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_on_a_terminal_the_tree_is_drawn_in_place_until_ctrl_c() -> None:
    code, out = on_a_terminal("--seconds", "0", "--kills-per-second", "20", environment={"NO_COLOR": ""})
    assert code == 0, out
    assert "\x1b[?25l" in out
    assert out.count("\x1b[?25h") == 1, "the cursor is given back"
    assert re.search(r"\x1b\[\d+F", out), "the drawing is drawn over"
    assert out.rstrip().endswith("lost children: 0, orphans: 0")
    assert "Traceback" not in out
    assert "KeyboardInterrupt" not in out


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_plain_draws_nothing_in_place_on_a_terminal_either() -> None:
    code, out = on_a_terminal("--seconds", "0", "--kills-per-second", "20", "--plain")
    assert code == 0, out
    assert "\x1b" not in out
    assert out.rstrip().endswith("lost children: 0, orphans: 0")


INTERRUPTED_AT_EACH_LINE = """
import faulthandler, os, signal, sys, threading
from supervision.demo import show

def interrupt(frame, event, argument):
    if event == "line":
        os.kill(os.getpid(), signal.SIGINT)
    return interrupt

faulthandler.dump_traceback_later(float(sys.argv[2]), exit=True)
with show._interrupts() as interrupts:
    wait = lambda: show._interrupted(interrupts, 0.01)
    if sys.argv[1] == "event":
        event = threading.Event()
        signal.signal(signal.SIGINT, lambda *_: event.set())
        wait = lambda: event.wait(0.01)
    sys.settrace(interrupt)
    waited = wait()
    sys.settrace(None)
    print("told" if waited else "not told")
"""


def interrupted_at_each_line(waiting_for: str, patience: float) -> subprocess.CompletedProcess[str]:
    """Have a Ctrl-C come at each line of what waits for it."""
    command = [sys.executable, "-c", INTERRUPTED_AT_EACH_LINE, waiting_for, str(patience)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)


def test_ctrl_c_at_any_moment_of_the_wait_for_it_is_heard() -> None:
    done = interrupted_at_each_line("queue", 30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "told\n", "")


def test_an_event_in_place_of_the_queue_would_hang() -> None:
    """Negative control: its `set`, called by the handler, waits for the lock of the `wait` that it interrupts."""
    done = interrupted_at_each_line("event", 2)
    assert done.returncode == 1
    assert "in set" in done.stderr


class Answering:
    """Stand in for a ref: answer what the test says."""

    def __init__(self, *answers: int) -> None:
        self._answers = list(answers)

    def ask(self, _message: str, timeout: float) -> int:
        if not self._answers:
            time.sleep(timeout)
            raise pykka.Timeout
        return self._answers.pop(0)


def ref(*answers: int) -> Ref:
    return Answering(*answers)  # type: ignore[return-value]


def test_only_a_new_process_counts_as_back() -> None:
    assert chaos.answering_pid(ref(7, 7, 8), 7, time.monotonic() + 5) == 8
    assert chaos.answering_pid(ref(7), 7, time.monotonic() + 0.01) is None


def test_an_actor_that_does_not_come_back_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "_GIVE_UP_SECONDS", 0.02)
    tally = Tally()
    monkey: Any = chaos.Monkey({"cache": ref()}, tally, 100)
    monkey._hurt_one()
    assert tally.lost == 1
    assert "LOST: cache" in tally.lines[-1]


def test_a_line_is_cut_at_its_visible_width() -> None:
    assert _cut("\x1b[32mabcdef\x1b[0mgh", 7) == "\x1b[32mabcdef\x1b[0mg"
    assert _cut("abc", 2) == "ab"
