"""The end of a process that an actor's handler has forked: it is no actor, and says nothing in its name."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import NoReturn

__all__ = ["leave"]


def leave(error: BaseException) -> NoReturn:
    """End this process as a Python program ends with this error; without its atexit functions, which are the actor's.

    Args:
        error: what left the handler in the copy: `SystemExit` with its code, or any other, whose traceback is printed.
    """
    code = error.code if isinstance(error, SystemExit) else 1
    if not isinstance(error, SystemExit):
        traceback.print_exception(error)
    elif code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit((code or 0) & 0xFF)
