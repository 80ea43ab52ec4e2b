"""SQLite's connections, timed: `sqlite3.connect` makes subclasses of what it made before, until it is put back."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from functools import lru_cache, wraps
from types import ModuleType
from typing import Any, Final

from beamlens.skills.interpreter.places import Place, application_place
from beamlens.skills.statements.store import StatementStore

__all__ = ["SqliteTap"]

_LOOK_SECONDS: Final = 0.02  # from which on it is worth knowing which line sent a statement
_EXECUTES: Final = ("execute", "executemany", "executescript")
_FACTORY: Final = 5  # the place of `factory` among the arguments of `sqlite3.connect`


class SqliteTap:
    """Time the statements of connections that are made from now on; those made before are not seen.

    Connections and cursors are of subclasses that behave as the ones asked for. Timing adds about 3 us to a statement.

    Args:
        store: gets the times.
    """

    def __init__(self, store: StatementStore) -> None:
        self._store = store
        self._original: Callable[..., Any] | None = None
        self._ours: Callable[..., Any] | None = None

    @property
    def is_in(self) -> bool:
        """Tell whether new connections are timed."""
        return self._ours is not None

    def install(self) -> bool:
        """Begin, where the application has imported sqlite3; tell whether it has."""
        module = sys.modules.get("sqlite3")
        if module is None or self._ours is not None:
            return self._ours is not None
        self._original = original = module.connect
        self._ours = ours = self._make(original, module)
        for each in _modules():
            if each.connect is original:
                each.connect = ours
        return True

    def remove(self) -> None:
        """Put `sqlite3.connect` back, where it is still ours; connections that are timed go on, unnoted."""
        for each in _modules():
            if self._ours is not None and each.connect is self._ours:
                each.connect = self._original
        self._original = self._ours = None

    def _make(self, original: Callable[..., Any], module: ModuleType) -> Callable[..., Any]:
        store, usual = self._store, module.Connection

        @wraps(original)
        def connect(*args: Any, **kwargs: Any) -> Any:
            asked = args[_FACTORY] if len(args) > _FACTORY else kwargs.get("factory", usual)
            if not store.on or not (isinstance(asked, type) and issubclass(asked, usual)):
                return original(*args, **kwargs)
            base: Any = asked
            timed = _connection_class(base, usual, module.Cursor, store)
            if len(args) > _FACTORY:
                made = original(*args[:_FACTORY], timed, *args[_FACTORY + 1 :], **kwargs)
            else:
                made = original(*args, **{**kwargs, "factory": timed})
            store.connections += 1
            return made

        return connect


def _modules() -> Iterable[Any]:
    return [module for name in ("sqlite3", "sqlite3.dbapi2") if (module := sys.modules.get(name)) is not None]


@lru_cache(maxsize=64)
def _connection_class(asked: type[Any], usual: type[Any], cursor: type[Any], store: StatementStore) -> type[Any]:
    def make_cursor(self: Any, factory: Any = cursor) -> Any:
        known = isinstance(factory, type) and issubclass(factory, cursor)
        return usual.cursor(self, _cursor_class(factory, store) if known else factory)

    def through_cursor(name: str) -> Callable[..., Any]:
        @wraps(getattr(usual, name))
        def execute(self: Any, sql: str, *args: Any) -> Any:
            return getattr(make_cursor(self), name)(sql, *args)

        return execute

    names = {name: through_cursor(name) for name in _EXECUTES} | {"cursor": make_cursor}
    # What the application's own class does its own way is left to it.
    return _subclass(asked, {name: way for name, way in names.items() if getattr(asked, name) is getattr(usual, name)})


@lru_cache(maxsize=64)
def _cursor_class(asked: type[Any], store: StatementStore) -> type[Any]:
    names: dict[str, Any] = {"_beamlens_sql": None}
    for name in _EXECUTES:
        names[name] = _timed_execute(getattr(asked, name), store)
    for name in ("fetchone", "fetchmany", "fetchall"):
        names[name] = _timed_fetch(getattr(asked, name), store)
    return _subclass(asked, names)


def _subclass(asked: type[Any], names: dict[str, Any]) -> type[Any]:
    shown = {"__module__": asked.__module__, "__qualname__": asked.__qualname__, "__doc__": asked.__doc__}
    return type(asked.__name__, (asked,), {**shown, **names})


def _timed_execute(original: Callable[..., Any], store: StatementStore) -> Callable[..., Any]:
    @wraps(original)
    def execute(self: Any, sql: str, *args: Any, **kwargs: Any) -> Any:
        if not store.on or not isinstance(sql, str):
            return original(self, sql, *args, **kwargs)
        self._beamlens_sql = sql
        began, failed = store.begun(sql), True
        try:
            result = original(self, sql, *args, **kwargs)
            failed = False
            return result
        finally:
            store.done(sql, began, _place(began), failed, frame=sys._getframe())

    return execute


def _timed_fetch(original: Callable[..., Any], store: StatementStore) -> Callable[..., Any]:
    @wraps(original)
    def fetch(self: Any, *args: Any, **kwargs: Any) -> Any:
        sql = self._beamlens_sql
        if not store.on or sql is None:
            return original(self, *args, **kwargs)
        began = store.begun(sql)
        try:
            return original(self, *args, **kwargs)
        finally:
            store.done(sql, began, _place(began), False, again=True)

    return fetch


def _place(began: float) -> Place | None:
    """Return the application's line that waits for a statement, where that took long enough to matter."""
    if time.perf_counter() - began < _LOOK_SECONDS:
        return None
    return application_place(sys._getframe(1))
