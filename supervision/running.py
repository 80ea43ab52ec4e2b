"""Run a tree until it ends or a signal says so: the main thread of a program that is its tree."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

from supervision.reporter import reporter
from supervision.supervisor import SupervisorRef

__all__ = ["run"]


def run(tree: SupervisorRef) -> int:
    """Wait until the tree has ended; stop it in order on Ctrl-C or SIGTERM, at once on the second.

    Args:
        tree: a running supervisor.

    Returns:
        An exit code: 0 when the tree ended with a normal reason or SIGTERM stopped it, 130 after Ctrl-C,
        1 when it gave up.

    The main thread only; the former signal handlers are put back at the end.
    """
    waiting = _Run(tree)
    before = {number: signal.signal(number, waiting.on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return waiting.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Run:
    def __init__(self, tree: SupervisorRef) -> None:
        self._tree = tree
        self._signals: list[int] = []
        self._wake_read, self._wake_write = os.pipe()
        self._closing = threading.Lock()
        os.set_blocking(self._wake_write, False)

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        # Nothing else: whatever a handler does it may do in the middle of anything.
        self._signals.append(number)

    def wait(self) -> int:
        # By the interpreter and not by our handler, which runs too late when the signal comes just before the read.
        former = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        os.write(self._wake_write, b"\0")  # for a signal that has come already
        threading.Thread(target=self._watch_tree, name="supervision-run", daemon=True).start()
        try:
            while self._tree.is_alive():
                os.read(self._wake_read, 1)
                if len(self._signals) == 1 and self._tree.is_alive():
                    self._tree.stop(block=False)
                elif len(self._signals) > 1:
                    self._tree.kill()
            reason = self._tree.wait(10.0)
        finally:
            reporter.flush(2.0)
            signal.set_wakeup_fd(former)
            os.close(self._wake_read)
            self._close_write()
        if signal.SIGINT in self._signals:
            return 130
        return 0 if self._signals or self._ended_well(reason) else 1

    def _ended_well(self, reason: Any) -> bool:
        return reason is not None and reason.is_normal and not self._tree.gave_up

    def _watch_tree(self) -> None:
        self._tree.wait()
        with self._closing:
            if self._wake_write >= 0:
                os.write(self._wake_write, b"\0")

    def _close_write(self) -> None:
        with self._closing:
            write, self._wake_write = self._wake_write, -1
            os.close(write)
