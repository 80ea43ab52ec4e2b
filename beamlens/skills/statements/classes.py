"""Drivers whose cursors are Python classes, such as psycopg and PyMySQL: their `execute` is wrapped, and put back."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from beamlens.skills.statements.stacks import sender_frame, sender_place
from beamlens.skills.statements.store import StatementStore

__all__ = ["ClassTap"]

_LOOK_SECONDS: Final = 0.02
_EXECUTES: Final = ("execute", "executemany")
_CURSORS: Final = (
    ("psycopg", "Cursor"),
    ("psycopg", "ServerCursor"),
    ("pymysql.cursors", "Cursor"),
    ("pg8000.dbapi", "Cursor"),
)


class ClassTap:
    """Time statements of cursors whose class can be reached; those made before too.

    Args:
        store: gets the times.
    """

    def __init__(self, store: StatementStore) -> None:
        self._store = store
        self._wrapped: dict[tuple[type[Any], str], tuple[Callable[..., Any], Callable[..., Any]]] = {}

    @property
    def drivers(self) -> list[str]:
        """Return which drivers are timed."""
        return sorted({kind.__module__.partition(".")[0] for kind, _ in self._wrapped})

    def install(self) -> None:
        """Begin with all drivers that the application has imported by now."""
        for module, name in _CURSORS:
            kind = getattr(sys.modules.get(module), name, None)
            if isinstance(kind, type):
                self._wrap(kind)

    def remove(self) -> None:
        """Put everything back that is still ours."""
        for (kind, name), (original, ours) in self._wrapped.items():
            if vars(kind).get(name) is ours:
                setattr(kind, name, original)
        for kind in {kind for kind, _ in self._wrapped}:
            if "_beamlens_sql" in vars(kind):
                del kind._beamlens_sql
        self._wrapped = {}

    def _wrap(self, kind: type[Any]) -> None:
        for name in _EXECUTES:
            original = vars(kind).get(name)
            if callable(original) and (kind, name) not in self._wrapped:
                ours = _timed(original, self._store)
                setattr(kind, name, ours)
                kind._beamlens_sql = None  # others see by this that it is timed here
                self._wrapped[kind, name] = (original, ours)


def _timed(original: Callable[..., Any], store: StatementStore) -> Callable[..., Any]:
    @wraps(original)
    def execute(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        sql = (
            query if isinstance(query, str) else query.decode("utf-8", "replace") if isinstance(query, bytes) else None
        )
        if not store.on or sql is None:
            return original(self, query, *args, **kwargs)
        began, failed = store.begun(sql), True
        try:
            result = original(self, query, *args, **kwargs)
            failed = False
            return result
        finally:
            frame = sender_frame(sys._getframe())
            place = sender_place(frame) if time.perf_counter() - began >= _LOOK_SECONDS else None
            store.done(sql, began, place, failed, frame=frame)

    return execute
