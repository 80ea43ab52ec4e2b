"""Wrap the libraries' methods while somebody wants to know, and take the wrappers off again."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, Final

from beamlens.skills.calls.libraries import LIBRARIES, Described, Library
from beamlens.skills.calls.record import record

__all__ = ["Patches", "patches"]

_UNKNOWN: Final = Described("(unknown)", "?", None)


class Patches:
    """Wrap what is loaded, and what is loaded later. Any thread.

    A wrapper adds about 10 us to a call. Where somebody else wrapped a method meanwhile, ours stays below theirs and
    only passes on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._done: dict[Library, tuple[type, Callable[..., Any], Callable[..., Any]]] = {}

    def begin(self) -> None:
        """Wrap from now on, until as many calls of `end`."""
        with self._lock:
            self._users += 1
        self.refresh()

    def end(self) -> None:
        """Put all methods back and forget the calls."""
        with self._lock:
            self._users = max(0, self._users - 1)
            if self._users:
                return
            for library, (owner, original, wrapper) in self._done.items():
                if owner.__dict__.get(library.method) is wrapper:
                    setattr(owner, library.method, original)
            self._done.clear()
        record.clear()

    def refresh(self) -> None:
        """Wrap what was imported meanwhile; about once a second."""
        with self._lock:
            for library in LIBRARIES if self._users else ():
                owner = library.found() if library not in self._done else None
                if owner is not None:
                    original = owner.__dict__[library.method]
                    wrapper = self._wrapped(library, original)
                    setattr(owner, library.method, wrapper)
                    self._done[library] = (owner, original, wrapper)

    def names(self) -> list[str]:
        """Return the libraries that are seen."""
        return sorted({library.name for library in list(self._done)})

    def _wrapped(self, library: Library, original: Callable[..., Any]) -> Callable[..., Any]:
        return _async(self, library, original) if library.is_async else _sync(self, library, original)

    @property
    def active(self) -> bool:
        """Whether anybody wants to know."""
        return self._users > 0


def _sync(owner: Patches, library: Library, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not owner.active:
            return original(self, *args, **kwargs)
        found = _described(library, self, args, kwargs)
        name = found.library or library.name
        number = record.begin(found.host, name, found.what, found.has_timeout, waits=found.waits)
        try:
            answer = original(self, *args, **kwargs)
        except BaseException as error:
            record.end(number, error)
            raise
        if library.connects:
            record.drop(number)
        else:
            record.end(number, status=_status(answer))
        return answer

    return call


def _async(owner: Patches, library: Library, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not owner.active:
            return await original(self, *args, **kwargs)
        found = _described(library, self, args, kwargs)
        name = found.library or library.name
        number = record.begin(found.host, name, found.what, found.has_timeout, waits=found.waits)
        try:
            answer = await original(self, *args, **kwargs)
        except BaseException as error:
            record.end(number, error)
            raise
        record.end(number, status=_status(answer))
        return answer

    return call


def _described(library: Library, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Described:
    try:
        return library.describe(owner, args, kwargs)
    except Exception:  # another version of the library: the call must go on whatever it looks like
        return _UNKNOWN


def _status(answer: Any) -> int | None:
    status = getattr(answer, "status_code", getattr(answer, "status", None))
    return status if isinstance(status, int) else None


patches: Final = Patches()
"""The one of this process: the libraries' classes are there once."""
