"""One exception as it was seen: its type and where it came from, never its text or the values of variables."""

from __future__ import annotations

import errno
import time
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any, Final

from beamlens.skills.interpreter.places import Place, place_at

__all__ = ["Sighting", "sighting_of"]

_DEPTH: Final = 200
_SHOWN: Final = 20
_LONGEST: Final = 120


@dataclass(frozen=True, slots=True)
class Sighting:
    """Hold one.

    Args:
        type: of the exception, with its module unless that is builtins.
        at: the application's innermost line; the innermost of all where none is the application's.
        raised_at: the innermost line.
        way: how it came to us: `logging`, `thread`, `main`, `unraisable`.
        seen: `time.time()`.
        stack: `file:line in function`, innermost first.
        code: of an `OSError`, the error's symbol, such as `EMFILE`.
    """

    type: str
    at: Place | None
    raised_at: Place | None
    way: str
    seen: float
    stack: tuple[str, ...]
    code: str | None = None

    @property
    def key(self) -> str:
        """Return what equal exceptions have in common: `KeyError at shop/pricing.py:12`."""
        name = self.type if self.code is None else f"{self.type} {self.code}"
        return f"{name} at {self.at.at if self.at is not None else 'an unknown line'}"


def sighting_of(kind: type[BaseException], error: BaseException | None, trace: Any, way: str) -> Sighting:
    """Return what is kept of an exception; a few microseconds.

    Args:
        kind, error, trace: as in `sys.exc_info()`.
        way: how it came to us.
    """
    places = _places(trace)
    own = next((place for place in reversed(places) if place.owner == "application"), None)
    last = places[-1] if places else None
    stack = tuple(str(place) for place in islice(reversed(places), _SHOWN))
    return Sighting(_name(kind), own or last, last, way, time.time(), stack, _code(error))


def _places(trace: Any) -> list[Place]:
    """Return where each frame of a traceback stood, outermost first; those of deep recursions in part."""
    places: list[Place] = []
    while isinstance(trace, TracebackType) and len(places) < _DEPTH:
        places.append(place_at(trace.tb_frame.f_code, trace.tb_lineno))
        trace = trace.tb_next
    return [place for place in places if place.owner != "own"] or places


def _name(kind: type[BaseException]) -> str:
    module = kind.__module__
    return (kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}")[:_LONGEST]


def _code(error: BaseException | None) -> str | None:
    number = error.errno if isinstance(error, OSError) else None
    return errno.errorcode.get(number) if isinstance(number, int) else None
