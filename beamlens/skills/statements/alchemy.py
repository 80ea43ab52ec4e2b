"""SQLAlchemy's engines and pools, heard through its own events; found where the application has imported it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from beamlens.skills.statements.pools import PoolWatch
from beamlens.skills.statements.stacks import sender_frame, sender_name, sender_place
from beamlens.skills.statements.store import StatementStore
from beamlens.skills.statements.transactions import OpenTransactions

__all__ = ["AlchemyTap"]

_LOOK_SECONDS: Final = 0.02
_NEEDED: Final = ("sqlalchemy.engine", "sqlalchemy.event", "sqlalchemy.pool")
_MARK: Final = "_beamlens_began"


class AlchemyTap:
    """Hear all engines, those that were made before too.

    SQLAlchemy's events are added on its classes and removed again; `QueuePool._do_get` is wrapped, to see who waits.

    Args:
        store: gets times of statements, but for those of drivers that are timed themselves.
        pools: gets checkouts and waits.
        transactions: gets what begins and ends.
    """

    def __init__(self, store: StatementStore, pools: PoolWatch, transactions: OpenTransactions) -> None:
        self._store = store
        self._pools = pools
        self._transactions = transactions
        self._listening: list[tuple[Any, str, Callable[..., Any]]] = []
        self._had_events = False
        self._wrapped: tuple[type[Any], Callable[..., Any], Callable[..., Any]] | None = None
        self.engines: dict[str, Any] = {}

    @property
    def is_in(self) -> bool:
        """Tell whether SQLAlchemy is heard."""
        return bool(self._listening)

    def install(self) -> bool:
        """Begin, where the application has imported SQLAlchemy; tell whether it has."""
        if self._listening or any(name not in sys.modules for name in _NEEDED):
            return bool(self._listening)
        engine: Any = getattr(sys.modules["sqlalchemy.engine"], "Engine", None)
        pool: Any = getattr(sys.modules["sqlalchemy.pool"], "Pool", None)
        listen: Any = getattr(sys.modules["sqlalchemy.event"], "listen", None)
        if engine is None or pool is None or listen is None:
            return False  # it is being imported just now
        self._had_events = bool(engine._has_events)
        wanted: list[tuple[Any, str, Callable[..., Any]]] = [
            (engine, "before_cursor_execute", self._before),
            (engine, "after_cursor_execute", self._after),
            (engine, "handle_error", self._failed),
            (engine, "begin", self._began),
            (engine, "commit", self._ended),
            (engine, "rollback", self._ended),
            (pool, "checkout", self._taken),
            (pool, "checkin", self._given_back),
        ]
        for target, name, function in wanted:
            listen(target, name, function)
            self._listening.append((target, name, function))
        self._wrap(sys.modules["sqlalchemy.pool"])
        return True

    def remove(self) -> None:
        """Hear no more, and put everything back."""
        if not self._listening:
            return
        events: Any = sys.modules["sqlalchemy.event"]
        engine = self._listening[0][0]
        for target, name, function in self._listening:
            events.remove(target, name, function)
        self._listening = []
        engine._has_events = self._had_events
        if self._wrapped is not None:
            kind, original, ours = self._wrapped
            if vars(kind).get("_do_get") is ours:
                kind._do_get = original
            self._wrapped = None

    def _wrap(self, module: Any) -> None:
        kind = getattr(module, "QueuePool", None)
        original = vars(kind).get("_do_get") if kind is not None else None
        if kind is None or original is None:
            return
        pools, store = self._pools, self._store

        @wraps(original)
        def get(pool: Any) -> Any:
            if not store.on:
                return original(pool)
            token, late = pools.wait_begins(pool), False
            try:
                return original(pool)
            except Exception as error:
                late = type(error).__name__ == "TimeoutError"
                raise
            finally:
                pools.wait_ends(pool, token, timed_out=late)

        kind._do_get = get
        self._wrapped = (kind, original, get)

    # -- what is heard; on the application's threads ------------------------------------------------

    def _before(self, conn: Any, cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        self._transactions.used(conn, running=True)
        if not _is_timed(cursor):
            setattr(context, _MARK, self._store.begun(statement, id(context)))

    def _after(self, conn: Any, cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        self._transactions.used(conn, running=False)
        self._done(context, statement, failed=False)

    def _failed(self, caught: Any) -> None:
        if caught.connection is not None:
            self._transactions.used(caught.connection, running=False)
        if caught.statement is not None and caught.execution_context is not None:
            self._done(caught.execution_context, caught.statement, failed=True)

    def _done(self, context: Any, statement: str, *, failed: bool) -> None:
        began = getattr(context, _MARK, None)
        if began is None:
            return
        delattr(context, _MARK)
        frame = sender_frame(sys._getframe(1))
        place = sender_place(frame) if time.perf_counter() - began >= _LOOK_SECONDS else None
        self._store.done(statement, began, place, failed, key=id(context), frame=frame)

    def _began(self, conn: Any) -> None:
        self._transactions.began(conn, sender_place(sys._getframe()), sender_name())
        self._know(conn.engine)

    def _ended(self, conn: Any) -> None:
        self._transactions.ended(conn)

    def _taken(self, _dbapi_connection: Any, record: Any, proxy: Any) -> None:
        self._pools.taken(proxy._pool, record, proxy, sender_place(sys._getframe()), sender_name())

    def _given_back(self, _dbapi_connection: Any, record: Any) -> None:
        self._pools.given_back(record)

    def _know(self, engine: Any) -> None:
        label = _label(engine.url)
        if self.engines.get(label) is not engine:
            self.engines[label] = engine
        self._pools.named(engine.pool, label)


def _is_timed(cursor: Any) -> bool:
    """Tell whether the driver's cursor is one that is timed by itself; then it is not counted twice."""
    return hasattr(type(cursor), "_beamlens_sql")


def _label(url: Any) -> str:
    """Return an engine's database without user and password."""
    place = f"{url.host}{f':{url.port}' if url.port else ''}" if url.host else "local"
    return f"{url.get_backend_name()} {url.database or 'memory'} at {place}"
