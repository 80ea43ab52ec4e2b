"""Where code is: file, line and function, shown as a developer knows them, and whose code it is."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Final, Literal

__all__ = [
    "Owner",
    "Place",
    "application_place",
    "code_place",
    "owner_of",
    "place_at",
    "place_of",
    "shown_file",
    "stack_of",
]

Owner = Literal["application", "library", "standard", "own"]

_OWN: Final = ("beamlens", "supervision", "pykka")
_PACKAGES: Final = str(Path(__file__).resolve().parents[3])
_STANDARD: Final = tuple({sysconfig.get_path(key) + os.sep for key in ("stdlib", "platstdlib")})
_LIBRARIES: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Place:
    """Name a line of code.

    Args:
        file: relative to the project where it is inside of it, `package/module.py` for libraries.
        line: 1 is the first.
        function: the qualified name.
        owner: whose code it is.
    """

    file: str
    line: int
    function: str
    owner: Owner

    @property
    def at(self) -> str:
        """Return `shop/cache.py:12`."""
        return f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return f"{self.at} in {self.function}"


@lru_cache(maxsize=4096)
def owner_of(filename: str) -> Owner:
    """Say whose code a file is: the application's, a library's, the standard library's, or that of this package.

    Args:
        filename: as a code object has it.
    """
    if filename.startswith("<frozen") or (filename.startswith(_STANDARD) and not _in_packages(filename)):
        return "standard"
    if any(filename.startswith(os.path.join(_PACKAGES, name) + os.sep) for name in _OWN[:2]):
        return "application" if f"{os.sep}demo{os.sep}" in filename else "own"
    if _in_packages(filename):
        return "own" if _below_packages(filename).split("/", 1)[0] in _OWN else "library"
    return "application"


def _in_packages(filename: str) -> bool:
    return any(mark in filename for mark in _LIBRARIES)


def _below_packages(filename: str) -> str:
    for mark in _LIBRARIES:
        if mark in filename:
            return filename.rpartition(mark)[2].replace(os.sep, "/")
    return filename


@lru_cache(maxsize=4096)
def shown_file(filename: str) -> str:
    """Return a file's name as it is shown: relative to where its project or package begins, never the whole path.

    Args:
        filename: as a code object has it.
    """
    if filename.startswith("<"):
        return filename[:_LONGEST_NAME]
    if _in_packages(filename):
        return _below_packages(filename)[-_LONGEST_NAME:]
    for root in (os.getcwd(), *_STANDARD, *(path for path in sys.path if path)):
        inside = root if root.endswith(os.sep) else root + os.sep
        if len(inside) > 1 and filename.startswith(inside):
            return filename[len(inside) :].replace(os.sep, "/")[-_LONGEST_NAME:]
    return "/".join(Path(filename).parts[-2:]).lstrip("/")[-_LONGEST_NAME:]


@lru_cache(maxsize=8192)
def _place(filename: str, line: int, name: str) -> Place:
    return Place(shown_file(filename), line, name[:_LONGEST_NAME], owner_of(filename))


def place_of(frame: FrameType) -> Place:
    """Return where a frame stands now; of a running frame of another thread too."""
    code = frame.f_code
    return _place(code.co_filename, frame.f_lineno or code.co_firstlineno, code.co_qualname)


def place_at(code: CodeType, line: int | None) -> Place:
    """Return a line of a function, such as one that a traceback names."""
    return _place(code.co_filename, line or code.co_firstlineno, code.co_qualname)


def code_place(code: CodeType) -> Place:
    """Return where a function begins."""
    return _place(code.co_filename, code.co_firstlineno, code.co_qualname)


def stack_of(frame: FrameType | None, limit: int = 64) -> Iterator[FrameType]:
    """Yield a frame and its callers, innermost first.

    Args:
        frame: the innermost.
        limit: how many at most.
    """
    for _ in range(limit):
        if frame is None:
            return
        yield frame
        frame = frame.f_back


def application_place(frame: FrameType | None) -> Place | None:
    """Return the innermost place of a stack that is the application's own code; None if there is none."""
    for each in stack_of(frame):
        if owner_of(each.f_code.co_filename) == "application":
            return place_of(each)
    return None
