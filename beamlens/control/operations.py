"""What the control socket answers: a fixed table. Nothing in it changes the program or names code to run."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import pykka

from beamlens.control.conversation import Conversation
from beamlens.control.events import EventQueue, chosen_names
from beamlens.control.plain import plain
from beamlens.control.protocol import ControlError
from beamlens.control.running import perform_run
from beamlens.errors import BeamlensError, UnknownOperator
from beamlens.lens import Lens
from supervision import ReplyFuture, SupervisionError
from supervision.process.application import current

__all__ = ["OPERATIONS", "Places", "serve"]

_LOOK: Final = 0.25
_GLANCE: Final = 2.0
_SINCE: Final = time.time()  # this module is imported when the first tree of the program starts


def _hello(lens: Lens, _call: Conversation) -> dict[str, Any]:
    return {
        "name": lens.name,
        "pid": os.getpid(),
        "version": sys.modules["beamlens"].__version__,  # the package itself stands above this layer
        "program": " ".join(os.path.basename(each) or each for each in sys.argv[:1]) or sys.executable,
        "since": _SINCE,
        "operators": lens.operator_names(),
    }


def _ps(lens: Lens, call: Conversation) -> dict[str, Any]:
    return {
        **_hello(lens, call),
        "operators": _operators(lens, call),
        "coordinator": _coordinator(lens),
        "nodes": _nodes(lens, call),
        "transcripts": _transcripts(lens, call),
    }


def _operators(lens: Lens, _call: Conversation) -> list[Any]:
    return [plain(status) for status in lens.list_operators()]


def _coordinator(lens: Lens) -> dict[str, Any] | None:
    try:
        return lens.status().to_dict()
    except (pykka.ActorDeadError, pykka.Timeout, SupervisionError):
        return None  # it is being restarted, perhaps


def _nodes(lens: Lens, _call: Conversation) -> list[dict[str, Any]] | None:
    try:
        return [node.to_dict() for node in lens.nodes()]
    except (BeamlensError, pykka.ActorDeadError, pykka.Timeout, SupervisionError):
        return None  # the probe is being restarted, perhaps


def _status(lens: Lens, call: Conversation) -> Any:
    return plain(lens.operator(call.needed_text("operator")).status())


def _tree(lens: Lens, _call: Conversation) -> dict[str, Any]:
    app = current()
    assert app is not None  # or there would be no tree
    future = ReplyFuture()
    app.loop.call_soon(lambda: future.succeed(lens.describe()))
    return {"pid": os.getpid(), "tree": plain(future.get(timeout=_GLANCE), depth=30)}


def _message(lens: Lens, call: Conversation) -> dict[str, Any]:
    seconds = call.seconds("timeout", 30.0) or 30.0
    operator = lens.operator(call.needed_text("operator"))
    return plain(operator.message(call.needed_text("text"), timeout=seconds))  # type: ignore[no-any-return]


def _cancel(lens: Lens, call: Conversation) -> dict[str, Any]:
    name = call.text("operator")
    run_id = call.text("run")
    who = lens.operator(name) if name else lens
    return {"cancelled": who.cancel(run_id)}


def _events(lens: Lens, call: Conversation) -> dict[str, Any]:
    try:
        names = chosen_names(call.texts("names") or [])
    except LookupError as error:
        raise ControlError(str(error), "usage") from error
    seconds = call.seconds("seconds")
    run = call.text("run") or ""
    end = None if seconds is None else time.monotonic() + seconds
    with EventQueue(names) as events:
        call.event({"name": "control.attached", "at": time.time(), "measurements": {}, "metadata": {}})
        while not call.is_over and (end is None or time.monotonic() < end):
            heard = events.next(_LOOK)
            if heard is not None and str(heard.metadata.get("trace_id") or "").startswith(run):
                call.event(heard.to_dict())
    return {"lost": events.lost}


def _transcripts(lens: Lens, _call: Conversation) -> str | None:
    found = lens.transcripts
    return None if found is None else str(found)


OPERATIONS: Final[Mapping[str, Callable[[Lens, Conversation], Any]]] = {
    "hello": _hello,
    "ps": _ps,
    "tree": _tree,
    "operators": _operators,
    "nodes": _nodes,
    "status": _status,
    "message": _message,
    "run": perform_run,
    "cancel": _cancel,
    "events": _events,
    "transcripts": _transcripts,
}


_LONG: Final = frozenset({"events", "run", "message"})  # what takes as long as it takes


class Places:
    """Keep some of a listener's threads free for what is answered at once, however many clients follow events.

    Args:
        count: long requests that are answered at the same time.
    """

    def __init__(self, count: int = 12) -> None:
        self._count = count
        self._free = threading.BoundedSemaphore(count)

    @contextmanager
    def taken(self, op: str) -> Iterator[None]:
        """Hold a place for an operation within a `with`, if it is a long one.

        Raises:
            ControlError: there is none.
        """
        if op not in _LONG:
            yield
            return
        if not self._free.acquire(blocking=False):
            text = f"{self._count} clients follow events, or wait for runs and answers, already; end one of them"
            raise ControlError(text, "unavailable")
        try:
            yield
        finally:
            self._free.release()


def serve(find: Callable[[], Lens | None], places: Places, call: Conversation) -> None:
    """Answer a request. The request's thread; never raises for what a client sent.

    Args:
        find: returns the tree's handle; None while it starts or ends.
        places: for long requests.
        call: the conversation.
    """
    try:
        operation = OPERATIONS.get(call.request.op)
        if operation is None:
            raise ControlError(
                f"there is no operation {call.request.op!r}; there are: {', '.join(OPERATIONS)}", "usage"
            )
        lens = find()
        if lens is None:
            raise ControlError("the tree is just starting or ending; try again", "unavailable")
        with places.taken(call.request.op):
            answer = operation(lens, call)
        call.answer(answer)
    except Exception as error:
        call.refuse(_refusal(error))


def _refusal(error: Exception) -> ControlError:
    if isinstance(error, ControlError):
        return error
    if isinstance(error, UnknownOperator):
        return ControlError(str(error), "not_found")
    if isinstance(error, pykka.Timeout):
        return ControlError("no answer came in time; it may be busy", "unavailable")
    if isinstance(error, pykka.ActorDeadError | SupervisionError):
        return ControlError(f"the part that should answer is gone: {error}", "unavailable")
    if isinstance(error, BeamlensError):
        return ControlError(str(error))
    return ControlError(f"{type(error).__name__}: {error}")
