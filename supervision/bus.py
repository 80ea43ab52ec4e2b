"""Handlers by event name: how `supervision.telemetry` keeps and runs them."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import traceback
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from supervision.errors import SupervisionError

__all__ = [
    "FAILURE",
    "AlreadyExistsError",
    "Bus",
    "EventName",
    "Forwarder",
    "Handler",
    "HandlerFunction",
    "InterestListener",
    "Measurements",
    "Metadata",
    "NotFoundError",
    "describe",
]

EventName = tuple[str, ...]
Measurements = Mapping[str, object]
Metadata = Mapping[str, object]
HandlerFunction = Callable[[EventName, Measurements, Metadata, object], object]
InterestListener = Callable[[frozenset[EventName]], object]
Forwarder = Callable[[EventName, Measurements, Metadata], object]

FAILURE: Final[EventName] = ("telemetry", "handler", "failure")

_NO_NAME: Final = "an event's name must be a tuple of strings, not %r; it reached nobody"

logger = logging.getLogger("supervision.telemetry")


class AlreadyExistsError(SupervisionError, ValueError):
    """Tell that a handler with this id is attached already."""


class NotFoundError(SupervisionError, LookupError):
    """Tell that no handler with this id is attached."""


@dataclass(frozen=True, slots=True)
class Handler:
    """Describe one attached handler for one event.

    Args:
        id: what it was attached under; shared by all events of one `attach_many`.
        event_name: the event it runs for.
        function: called as `function(event_name, measurements, metadata, config)`.
        config: given to the function as it is.
    """

    id: Hashable
    event_name: EventName
    function: HandlerFunction
    config: object


@dataclass(frozen=True, slots=True)
class _Entry:
    """Hold what runs for one event name."""

    handlers: tuple[Handler, ...]
    forwarder: Forwarder | None


class Bus:
    """Hold the handlers. Emitters read a table that never changes; writers replace it under a lock."""

    def __init__(self) -> None:
        self._table: dict[EventName, _Entry] = {}
        self._by_id: dict[Hashable, tuple[Handler, ...]] = {}
        self._version = 0
        self._forwarded: frozenset[EventName] = frozenset()
        self._forwarder: Forwarder | None = None
        self._not_forwarded: set[EventName] = set()
        self._interested: frozenset[EventName] = frozenset()
        self._listener: InterestListener | None = None
        self._announced: frozenset[EventName] = frozenset()
        self._announcing = False
        self._lock = threading.RLock()

    def after_fork(self) -> None:
        """Begin with a free lock: the thread that held it does not exist in the copy."""
        self._lock = threading.RLock()
        self._announcing = False

    def attach(
        self, handler_id: Hashable, event_name: EventName, function: HandlerFunction, config: object = None
    ) -> None:
        """Have `function(event_name, measurements, metadata, config)` called for each such event.

        Args:
            handler_id: names the handler, for `detach`.
            event_name: the event, a tuple of strings; exactly this one, not those that begin with it.
            function: runs in whatever thread emits, also in several at a time: be quick, be thread-safe.
            config: given to the function as it is.

        Raises:
            AlreadyExistsError: the id is taken.
            TypeError: the name is no tuple of strings or the function cannot be called.
        """
        self.attach_many(handler_id, (event_name,), function, config)

    def attach_many(
        self,
        handler_id: Hashable,
        event_names: Iterable[EventName],
        function: HandlerFunction,
        config: object = None,
    ) -> None:
        """Attach one function to several events, all or none; it is detached from all of them together.

        Raises:
            AlreadyExistsError: the id is taken.
            TypeError: a name is no tuple of strings or the function cannot be called.
            ValueError: there are no names.
        """
        names = tuple(dict.fromkeys(_checked_name(name) for name in event_names))
        if not names:
            raise ValueError("no event names: a handler must be attached to at least one event")
        if not callable(function):
            raise TypeError(f"a handler must be callable, not {function!r}")
        handlers = tuple(Handler(handler_id, name, function, config) for name in names)
        with self._lock:
            if handler_id in self._by_id:
                raise AlreadyExistsError(f"a handler with the id {handler_id!r} is attached already")
            self._by_id[handler_id] = handlers
            self._rebuild()
        self._announce()

    def detach(self, handler_id: Hashable) -> None:
        """Detach a handler from all its events; where it is running in another thread, that goes on.

        Raises:
            NotFoundError: no handler has this id (or it failed and was detached).
        """
        with self._lock:
            if self._by_id.pop(handler_id, None) is None:
                raise NotFoundError(f"no handler with the id {handler_id!r} is attached")
            self._rebuild()
        self._announce()

    def list_handlers(self, prefix: EventName = ()) -> list[Handler]:
        """Return the handlers of all events whose names begin with `prefix`, in the order of attachment."""
        with self._lock:
            attached = self._by_id.copy()
        return [
            handler
            for handlers in attached.values()
            for handler in handlers
            if handler.event_name[: len(prefix)] == prefix
        ]

    def execute(self, event_name: EventName, measurements: Measurements, metadata: Metadata | None = None) -> None:
        """Emit an event: run its handlers here and now. Never raises.

        Args:
            event_name: a tuple of strings.
            measurements: numbers by name; by convention `duration` and `monotonic_time` in nanoseconds,
                `system_time` in nanoseconds since the epoch.
            metadata: what the event is about; handlers get `{}` where it is not given.
        """
        try:
            entry = self._table.get(event_name)
        except TypeError as error:
            _log(error, _NO_NAME, event_name)
            return
        if entry is not None:
            self._run(entry.handlers, entry.forwarder, event_name, measurements, metadata)

    def deliver(self, event_name: EventName, measurements: Measurements, metadata: Metadata | None = None) -> None:
        """Run the handlers for an event that came from a child; as `execute`, but never forwards it on."""
        try:
            entry = self._table.get(event_name)
        except TypeError as error:
            _log(error, _NO_NAME, event_name)
            return
        if entry is not None:
            self._run(entry.handlers, None, event_name, measurements, metadata)

    def interested(self) -> frozenset[EventName]:
        """Return the names of all events that a handler is attached to."""
        return self._interested

    def set_interest_listener(self, listener: InterestListener | None) -> None:
        """Have `listener(names)` called whenever the set of attached event names has changed.

        At once, too, where handlers are attached already. It runs in the thread that attached or detached,
        without a lock, never twice at a time, and hears of changes in their order; of changes that follow
        each other quickly perhaps only the last. None ends it.
        """
        with self._lock:
            self._listener = listener
            self._announced = frozenset()
        self._announce()

    def set_forwarder(self, event_names: Iterable[EventName], forwarder: Forwarder | None) -> None:
        """Have `forwarder(event_name, measurements, metadata)` called for these events, after the handlers.

        It replaces the names and the forwarder set before; None ends forwarding. It runs in the emitting
        thread. What it raises is logged, once for each event name, and it stays.
        """
        names = frozenset(event_names)
        with self._lock:
            self._forwarded = names if forwarder is not None else frozenset()
            self._forwarder = forwarder
            self._not_forwarded = set()
            self._rebuild()

    def _rebuild(self) -> None:
        # The garbage collector may run a finaliser here whose event's handler fails and is detached, in
        # this very thread: hence a lock that this thread can take again, and another look at the end.
        self._version += 1
        version = 0
        while version != self._version:
            version = self._version
            by_name: dict[EventName, list[Handler]] = {}
            for handlers in self._by_id.copy().values():
                for handler in handlers:
                    by_name.setdefault(handler.event_name, []).append(handler)
            self._table = {
                name: _Entry(tuple(by_name.get(name, ())), self._forwarder if name in self._forwarded else None)
                for name in self._forwarded.union(by_name)
            }
            self._interested = frozenset(by_name)

    def _announce(self) -> None:
        # One thread announces at a time, and goes on until there is nothing new.
        while True:
            with self._lock:
                listener, names = self._listener, self._interested
                if self._announcing or listener is None or names == self._announced:
                    return
                self._announcing = True
                self._announced = names
            try:
                listener(names)
            except Exception as error:
                _log(error, "the listener %r for attached events failed", listener)
            finally:
                self._announcing = False

    def _run(
        self,
        handlers: tuple[Handler, ...],
        forwarder: Forwarder | None,
        event_name: EventName,
        measurements: object,
        metadata: Metadata | None,
    ) -> None:
        if not isinstance(measurements, Mapping):
            _log(
                None,
                "%r has measurements that are no mapping: %r; it reached nobody",
                event_name,
                measurements,
            )
            return
        if metadata is None:
            metadata = {}
        for handler in handlers:
            try:
                handler.function(event_name, measurements, metadata, handler.config)
            except BaseException as error:
                self._fail(handler, event_name, error)
        if forwarder is not None:
            try:
                forwarder(event_name, measurements, metadata)
            except BaseException as error:
                self._fail_forward(event_name, error)

    def _fail(self, handler: Handler, event_name: EventName, error: BaseException) -> None:
        if not self._remove(handler):
            return  # another thread saw it fail, too, and tells; or it was detached while it ran
        _log(error, "handler %r failed on %r and is detached", handler.id, event_name)
        self._announce()
        if event_name != FAILURE:
            about = {"event_name": event_name, "handler_id": handler.id, "handler_config": handler.config}
            times = {"monotonic_time": time.monotonic_ns(), "system_time": time.time_ns()}
            self.execute(FAILURE, times, about | describe(error))

    def _remove(self, handler: Handler) -> bool:
        # By identity: somebody may have attached another handler under the same id meanwhile.
        with self._lock:
            if not any(attached is handler for attached in self._by_id.get(handler.id, ())):
                return False
            del self._by_id[handler.id]
            self._rebuild()
            return True

    def _fail_forward(self, event_name: EventName, error: BaseException) -> None:
        if event_name not in self._not_forwarded:
            self._not_forwarded.add(event_name)
            _log(error, "%r could not be forwarded; the next time it will not be logged", event_name)


def _checked_name(name: object) -> EventName:
    if not isinstance(name, tuple) or not name or not all(isinstance(part, str) for part in name):
        raise TypeError(f"an event's name must be a tuple of strings, at least one, not {name!r}")
    return name


def describe(error: BaseException) -> dict[str, object]:
    """Return `kind`, `reason` and `stacktrace`: how events tell of an exception."""
    kind = "error" if isinstance(error, Exception) else "exit"
    return {"kind": kind, "reason": error, "stacktrace": traceback.format_tb(error.__traceback__)}


def _log(error: BaseException | None, text: str, *args: object) -> None:
    # Where logging itself is broken there is nobody left to tell, and the emitter must not suffer.
    with contextlib.suppress(BaseException):
        logger.error(text, *args, exc_info=error)
