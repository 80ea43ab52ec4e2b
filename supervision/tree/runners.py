"""Which runner runs which child."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pykka

from supervision.actor import ProcessActor
from supervision.process.orders import Orders
from supervision.spec import ChildSpec
from supervision.tree.call_runner import CallRunner
from supervision.tree.process_runner import ProcessRunner
from supervision.tree.runner import Entry, Runner
from supervision.tree.thread_runner import ThreadRunner

if TYPE_CHECKING:
    from supervision.tree.performer import Performer

__all__ = ["make_runner"]


def make_runner(
    performer: Performer,
    entry: Entry,
    spec: ChildSpec,
    number: int,
    known: dict[Any, tuple[ChildSpec, Orders]],
) -> Runner:
    """Return what runs this incarnation of a child. Loop thread.

    Args:
        performer: the supervisor.
        entry: the child's place.
        spec: its specification, with the complete start call.
        number: counts its incarnations.
        known: the orders that were packed before, by key.

    Raises:
        SpecError: another process could not find the class.
        MessageError: an argument cannot be sent.
    """
    app = performer.app
    function, args, kwargs = spec.start
    actor_class = _class_to_start(function)
    if actor_class is None:
        return CallRunner(app, performer, entry, spec.start, number)
    if getattr(actor_class, "supervision_type", None) == "supervisor":
        from supervision.tree.nested_runner import NestedRunner

        return NestedRunner(performer, entry, actor_class, args, dict(kwargs))
    if issubclass(actor_class, ProcessActor):
        orders = _orders(performer, entry, spec, actor_class, known)
        return ProcessRunner(app, performer, entry, orders, number)
    return ThreadRunner(app, performer, entry, (actor_class, args, dict(kwargs)), number)


def _class_to_start(function: Any) -> type[Any] | None:
    """Return the actor class that a start means: itself, or the one whose `start` it is."""
    if isinstance(function, type) and (issubclass(function, pykka.Actor) or hasattr(function, "supervision_type")):
        return function
    owner = getattr(function, "__self__", None)
    starts = getattr(function, "__func__", None) in (ProcessActor.start.__func__, pykka.Actor.start.__func__)  # type: ignore[attr-defined]
    return owner if starts and isinstance(owner, type) else None


def _orders(
    performer: Performer,
    entry: Entry,
    spec: ChildSpec,
    actor_class: type[Any],
    known: dict[Any, tuple[ChildSpec, Orders]],
) -> Orders:
    before = known.get(entry.key)
    if before is not None and before[0] is spec:
        return before[1]
    _, args, kwargs = spec.start
    orders = Orders(performer.app.codec, entry.slot.urn, spec.id, actor_class, args, dict(kwargs))
    known[entry.key] = (spec, orders)
    return orders
