"""What actors and code may ask of the application about actors: start, stop, watch, link, look up."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from supervision.errors import ActorDown, RequestError
from supervision.exits import NOPROC, ExitReason
from supervision.future import ReplyFuture
from supervision.messages import Down
from supervision.process.classes import load_class
from supervision.process.names import registry_named
from supervision.process.orders import class_path
from supervision.process.protocol import EXIT, TELL
from supervision.proxy import Attributes, describe_class
from supervision.ref import Ref
from supervision.reporter import reporter

if TYPE_CHECKING:
    from supervision.process.application import Application
    from supervision.process.incarnation import Incarnation
    from supervision.process.slot import Slot

__all__ = ["Operations"]

logger = logging.getLogger("supervision")


def _behind(shared: Attributes, rest: ReplyFuture) -> ReplyFuture:
    """Return the future of a list that begins with what is known; None stays None."""
    future = ReplyFuture()

    def settle(_: ReplyFuture) -> None:
        try:
            found = rest.get(timeout=0)
            future.succeed(None if found is None else shared + found)
        except Exception as error:
            future.fail(error)

    rest.add_done_callback(settle)
    return future


class Operations:
    """Perform requests by name, from a fixed list. Loop thread.

    Args:
        app: the application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._monitors: dict[int, tuple[Slot, int, Incarnation | None]] = {}
        self._numbers = itertools.count(1)
        self._operations: dict[str, Callable[..., object]] = {
            "start": self._start,
            "stop": self._stop,
            "alive": self._alive,
            "pid": self._pid,
            "number": self._number,
            "class": self._class,
            "attributes": self._attributes,
            "monitor": self._monitor,
            "demonitor": self._demonitor,
            "link": self._link,
            "unlink": self._unlink,
            "register": self._register,
            "unregister": self._unregister,
            "whereis": self._whereis,
            "members": self._members,
        }
        self._links: dict[tuple[str, str], list[tuple[Slot, int]]] = {}

    def perform(self, asker: Incarnation | None, operation: str, arguments: list[Any]) -> ReplyFuture:
        """Perform an operation for a child, or for the application's own code (None)."""
        future = ReplyFuture()
        try:
            found = self._operations.get(operation)
            if found is None:
                raise RequestError(("unknown_operation", operation))
            result = found(asker, *arguments)
        except Exception as error:
            future.fail(error)
            return future
        if isinstance(result, ReplyFuture):
            return result
        future.succeed(result)
        return future

    def _slot(self, address: Any) -> Slot:
        slot = self._app.slot(address[0])
        if slot is None or (address[1] and (slot.number != address[1] or slot.way is None)):
            raise ActorDown(f"there is no actor {address[0]}", NOPROC)
        return slot

    # -- actors ---------------------------------------------------------------------------------

    def _start(self, _asker: Incarnation | None, path: str, args: list[Any], kwargs: dict[str, Any]) -> ReplyFuture:
        return self._app.begin_actor(load_class(path), tuple(args), kwargs)

    def _stop(self, _asker: Incarnation | None, address: Any) -> object:
        try:
            return self._slot(address).request_stop()
        except ActorDown:
            return False

    def _alive(self, _asker: Incarnation | None, address: Any) -> bool:
        try:
            return self._slot(address).state != "down"
        except ActorDown:
            return False

    def _pid(self, _asker: Incarnation | None, address: Any) -> int | None:
        way = self._slot(address).way
        return None if way is None else way.pid

    def _number(self, _asker: Incarnation | None, address: Any) -> int:
        return self._slot(address).number

    def _class(self, _asker: Incarnation | None, address: Any) -> str:
        return class_path(self._slot(address).actor_class)

    def _attributes(self, _asker: Incarnation | None, address: Any, fresh: bool) -> object:
        way = self._slot(address).way
        if way is None:
            return []
        shared = describe_class(self._slot(address).actor_class)  # type: ignore[arg-type]
        if not fresh:
            return shared + (way.attributes(fresh=False) or [])
        begin = getattr(way, "begin_attributes", None)  # an actor of this process is simply looked at
        return _behind(shared, begin()) if begin is not None else shared + (way.attributes(fresh=True) or [])

    # -- watching -------------------------------------------------------------------------------

    def _monitor(self, asker: Incarnation | None, address: Any, notify: Any) -> int:
        """Have a Down sent to the asking actor, or given to `notify` in the application."""
        number = next(self._numbers)
        ref = self._app.ref((address[0], address[1]))

        def tell(reason: ExitReason) -> None:
            self._monitors.pop(number, None)
            self._notify(asker, notify, Down(ref, reason, number))

        slot = self._app.slot(address[0])
        watch = None if slot is None else slot.watch(address[1], tell)
        if slot is None or watch is None:
            # After this call has been answered: who asks must know the number first.
            self._app.loop.call_soon(tell, NOPROC)
        else:
            self._monitors[number] = (slot, watch, asker)
        return number

    def _demonitor(self, _asker: Incarnation | None, number: int) -> None:
        slot, watch, _ = self._monitors.pop(number, (None, 0, None))
        if slot is not None:
            slot.unwatch(watch)

    def forget(self, asker: Incarnation) -> None:
        """Hear that a child is gone: it watches nobody any more."""
        for number in [number for number, (_, _, owner) in self._monitors.items() if owner is asker]:
            self._demonitor(asker, number)

    def _notify(self, asker: Incarnation | None, notify: Any, down: Down) -> None:
        try:
            if asker is not None and asker.channel is not None:
                asker.channel.send([TELL, down])
            elif isinstance(notify, Ref):
                notify.tell(down)
            elif callable(notify):
                reporter.put(lambda: notify(down))
            elif notify is not None:
                notify.tell(down)
        except Exception as error:
            logger.info("a Down message was not delivered: %s", error)

    # -- linking --------------------------------------------------------------------------------

    def _link(self, asker: Incarnation | None, address: Any, other: Any) -> None:
        """Tie two actors: when one ends, the other hears it as an exit signal."""
        mine: list[Any] = [asker.urn, asker.number] if asker is not None else other
        key = (mine[0], address[0])
        if key in self._links or key[::-1] in self._links:
            return
        watches = [self._tie(address, mine), self._tie(mine, address)]
        self._links[key] = [found for found in watches if found is not None]

    def _tie(self, watched: Any, told: Any) -> tuple[Slot, int] | None:
        def tell(reason: ExitReason) -> None:
            self._forget_link(watched[0], told[0])
            self._signal(told, watched, reason)

        slot = self._app.slot(watched[0])
        watch = None if slot is None else slot.watch(watched[1], tell)
        if slot is None or watch is None:
            self._app.loop.call_soon(tell, NOPROC)
            return None
        return slot, watch

    def _forget_link(self, one: str, two: str) -> None:
        for slot, watch in self._links.pop((one, two), []) + self._links.pop((two, one), []):
            slot.unwatch(watch)

    def _signal(self, told: Any, watched: Any, reason: ExitReason) -> None:
        slot = self._app.slot(told[0])
        way = None if slot is None else slot.way
        channel = getattr(way, "channel", None)
        if channel is None or (told[1] and way is not None and way.number != told[1]):
            return
        try:
            channel.send([EXIT, list(watched), reason])
        except Exception as error:
            logger.info("an exit signal was not delivered: %s", error)

    def _unlink(self, asker: Incarnation | None, address: Any, other: Any) -> None:
        self._forget_link(asker.urn if asker is not None else other[0], address[0])

    # -- names ----------------------------------------------------------------------------------

    def _register(self, asker: Incarnation | None, registry: Any, key: Any, address: Any, value: Any) -> None:
        mine: list[Any] = [asker.urn, asker.number] if asker is not None and address is None else address
        registry_named(registry).add(self._app, key, (mine[0], mine[1]), value)

    def _unregister(self, asker: Incarnation | None, registry: Any, key: Any, address: Any) -> None:
        mine: list[Any] = [asker.urn, asker.number] if asker is not None and address is None else address
        registry_named(registry).remove(key, mine[0])

    def _whereis(self, _asker: Incarnation | None, registry: Any, key: Any) -> Ref | None:
        found = registry_named(registry).entries(self._app, key)
        return self._app.ref(found[0][0]) if found else None

    def _members(self, _asker: Incarnation | None, registry: Any, key: Any) -> list[Any]:
        found = registry_named(registry).entries(self._app, key)
        return [[self._app.ref(address), value] for address, value in found]
