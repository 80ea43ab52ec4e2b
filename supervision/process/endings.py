"""Why an actor ends, told from what its code raised."""

from __future__ import annotations

import traceback
from typing import Final

from supervision.exits import NORMAL, ExitReason, crash
from supervision.process.birth import Ended

__all__ = ["crash_reason", "is_end_from_outside", "reason_of_exit"]

_TERMINATED: Final = 128 + 15  # the exit code by which the handler of SIGTERM ends the actor


def crash_reason(error: BaseException) -> ExitReason:
    """Return the reason of an end by an exception; never fails, also where its text does."""
    text = "".join(traceback.format_exception(error))
    try:
        said = str(error)
    except Exception:
        said = "<no text: its __str__ failed>"
    return crash((type(error).__name__, said[:4096]), text[-65536:])


def reason_of_exit(stop: SystemExit) -> ExitReason:
    """Return the reason of an end by `sys.exit()` or by SIGTERM."""
    if stop.code in (None, 0):
        return NORMAL
    if stop.code == _TERMINATED:
        return ExitReason("signal", "SIGTERM")
    return crash(("exit_status", stop.code if isinstance(stop.code, int) else str(stop.code)))


def is_end_from_outside(error: BaseException) -> bool:
    """Tell whether the asker should hear of the actor's end, and why, in place of an error of the handler."""
    return isinstance(error, Ended) or (isinstance(error, SystemExit) and error.code == _TERMINATED)
