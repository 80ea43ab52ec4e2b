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
    code = _code_of(error)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code & 0xFF)


def _code_of(error: BaseException) -> int:
    if not isinstance(error, SystemExit):
        traceback.print_exception(error)
        return 1
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    print(error.code, file=sys.stderr)
    return 1
