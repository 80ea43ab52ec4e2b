"""Watching actors from the application's own code: monitors, links, timed messages.

Inside an actor use its methods of the same names.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable
from typing import Any

from supervision.messages import Down
from supervision.process.application import application
from supervision.process.loop import Timer
from supervision.ref import Ref
from supervision.reporter import reporter
from supervision.reports import report_log

__all__ = ["demonitor", "link", "monitor", "send_after"]


def monitor(ref: Ref, notify: Callable[[Down], object] | Any) -> int:
    """Hear once that an actor is gone.

    Args:
        ref: the actor; a ref that follows restarts means its present incarnation.
        notify: called with a `Down` on the reports' thread, or a ref, which is told it. At once, with
            reason `noproc`, when the actor is gone already.

    Returns:
        The monitor's number, for `demonitor`.

    Raises:
        TypeError: `ref` is no ref of ours.
    """
    number: int = application().call("monitor", _address(ref), notify).get()
    return number


def demonitor(number: int) -> None:
    """Undo a monitor: nothing is told any more."""
    application().call("demonitor", number).get()


def link(one: Ref, two: Ref) -> None:
    """Tie two actors: an abnormal end of one ends the other, unless that traps exits."""
    application().call("link", _address(one), _address(two)).get()


def send_after(ref: Any, delay: float, message: Any) -> Timer:
    """Send a message later.

    Args:
        ref: whom: any ref.
        delay: seconds.
        message: what to send.

    Returns:
        A timer whose `cancel()` makes it void. An actor that is gone by then is not told, silently.
    """
    if not (delay >= 0 and math.isfinite(delay)):
        raise ValueError(f"delay is {delay!r}; seconds from 0 up are expected")
    send = functools.partial(_tell, ref, message)
    # Ours never block. What another kind of actor does when it is told something is its own: not on the loop.
    return application().loop.call_later(delay, send if isinstance(ref, Ref) else lambda: reporter.put(send))


def _address(ref: Any) -> list[Any]:
    if not isinstance(ref, Ref):
        raise TypeError(
            f"{ref!r} is no ref of a process' actor or of a supervisor's child, as start() and tree[id] return them; "
            "of a supervisor itself ask wait()"
        )
    return list(ref.address)


def _tell(ref: Any, message: Any) -> None:
    try:
        if ref.is_alive():
            ref.tell(message)
    except Exception as error:
        report_log(logging.WARNING, "a timer's message for %s was not sent: %s", ref, error)
