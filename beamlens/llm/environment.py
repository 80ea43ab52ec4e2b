"""Keys out of the environment: gone from `os.environ`, and from the block that other processes can read.

Linux shows the environment with which a program was started in /proc/PID/environ, to every process of the same
user, whatever the program does to its variables afterwards. Only overwriting the bytes themselves helps.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["erase_initial", "scrub"]

logger = logging.getLogger("beamlens.llm")

# Numbers of /proc/PID/stat, see proc_pid_stat(5); the first two end with the name in parentheses.
_ENV_START: Final = 50 - 3
_ENV_END: Final = 51 - 3


def scrub(names: Iterable[str]) -> None:
    """Remove environment variables from this process, for it and for whoever looks at it from outside.

    A process that needs no keys calls it when it starts. Harmless where a variable is not there, and where there
    is no /proc the variables are removed from `os.environ` alone.
    """
    wanted = list(names)
    for name in wanted:
        os.environ.pop(name, None)
    erase_initial(wanted)


def erase_initial(names: Iterable[str]) -> int:
    """Overwrite variables in the block that /proc/PID/environ shows; return how many were there.

    What `os.environ` says stays as it is, for this process alone.
    """
    wanted = {os.fsencode(name) for name in names}
    kept = {name: os.environ[name] for name in map(os.fsdecode, wanted) if name in os.environ}
    if not wanted:
        return 0
    try:
        erased = _erase(wanted)
    except OSError as error:
        logger.debug("the initial environment cannot be overwritten: %s", error)
        return 0
    if erased:
        os.environ.update(kept)  # a copy elsewhere, since C's own list of variables pointed into the block
    return erased


def _erase(wanted: set[bytes]) -> int:
    fields = Path("/proc/self/stat").read_text().rpartition(") ")[2].split()
    start, end = int(fields[_ENV_START]), int(fields[_ENV_END])
    if not 0 < start < end:
        return 0
    # Through the kernel and not by pointer: a wrong address is an error here and no crash.
    memory = os.open("/proc/self/mem", os.O_RDWR | os.O_CLOEXEC)
    try:
        found = list(_places(os.pread(memory, end - start, start), wanted))
        for offset, length in found:
            os.pwrite(memory, bytes(length), start + offset)
    finally:
        os.close(memory)
    return len(found)


def _places(block: bytes, wanted: set[bytes]) -> Iterable[tuple[int, int]]:
    for entry in re.finditer(rb"[^\0]+", block):
        if entry[0].partition(b"=")[0] in wanted:
            yield entry.start(), len(entry[0])
