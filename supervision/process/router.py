"""What children ask of the application: messages to other actors, and things about actors."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from supervision import telemetry
from supervision.errors import ActorDown, AskCycle, ProtocolError
from supervision.exits import NOPROC
from supervision.process.open_asks import PackedAnswer
from supervision.process.protocol import (
    ASK_FOR,
    CANCEL,
    ERROR,
    EVENT,
    LOG,
    NODE,
    REPLY,
    REPLY_FOR,
    TELL_FOR,
    WAITING,
)
from supervision.process.waits import WaitGraph
from supervision.reporter import reporter

if TYPE_CHECKING:
    from supervision.process.application import Application
    from supervision.process.incarnation import Incarnation
    from supervision.process.slot import Slot

__all__ = ["Router"]


class _Forwarded:
    """Wait for the answer to an ask that came from a child, and send it there."""

    def __init__(self, router: Router, asker: Incarnation, number: int, asked: str) -> None:
        self._router = router
        self.asker = asker
        self.number = number
        self.asked = asked
        self.blocking = False
        self.starts = False  # about the start of the actor that is asked
        self.withdraw: Callable[[], None] | None = None

    def succeed(self, value: Any) -> None:
        """Send the packed answer on. Any thread."""
        if isinstance(value, PackedAnswer):
            self._router.answer(self, value.ok, value.body)
        else:  # from an actor in this process, which answers with the value itself
            self._router.answer_value(self, value)

    def fail(self, error: BaseException) -> None:
        """Send the error on. Any thread."""
        self._router.answer(self, False, self._router.encode_error(error))


class Router:
    """Serve children. Loop thread, but for answers.

    Args:
        app: the application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._waits = WaitGraph()
        self._open: dict[tuple[str, int, int], _Forwarded] = {}

    def on_frame(self, asker: Incarnation, content: list[Any]) -> None:
        """Take a frame from a child."""
        kind = content[0]
        try:
            if kind == ASK_FOR:
                self._ask(asker, content[1], content[2], content[3], content[4])
            elif kind == TELL_FOR:
                self._tell(content[1], content[2])
            elif kind == WAITING:
                self._on_waiting(asker, content[1], content[2])
            elif kind == CANCEL:
                self._cancel(asker, content[1])
            elif kind == NODE:
                self._serve(asker, content[1], content[2], content[3])
            elif kind == EVENT:
                self._event(content[1], content[2], content[3])
            elif kind == LOG:
                fields = content[1]
                # The word of what was lost must not be lost as well.
                put = reporter.put if isinstance(fields, dict) and fields.get("lost") else reporter.put_for_child
                put(lambda: _log(fields))
            else:
                raise ProtocolError(f"a child sent a frame of an unknown kind: {kind!r}")
        except (IndexError, TypeError, KeyError, ValueError) as error:
            raise ProtocolError(f"a child sent a frame that is not one: {error}") from error

    def forget(self, asker: Incarnation) -> None:
        """Hear that a child is gone: it waits for nobody any more."""
        self._waits.forget(asker.urn)
        for key in [key for key in self._open if key[:2] == (asker.urn, asker.number)]:
            forwarded = self._open.pop(key)
            if forwarded.withdraw is not None:
                forwarded.withdraw()

    # -- messages -------------------------------------------------------------------------------

    def _slot(self, address: Any) -> Slot:
        urn, number = address
        slot = self._app.slot(urn)
        if slot is None:
            raise ActorDown(f"there is no actor {urn}", NOPROC)
        if number and (slot.number != number or slot.way is None):
            raise slot.down_error()
        return slot

    def _tell(self, address: Any, body: bytes) -> None:
        try:
            self._slot(address).forward(body, None)
        except Exception as error:
            logging.getLogger("supervision").info("a message from an actor was not delivered: %s", error)

    def _ask(self, asker: Incarnation, number: int, address: Any, blocking: bool, body: bytes) -> None:
        forwarded = _Forwarded(self, asker, number, address[0])
        self._open[(asker.urn, asker.number, number)] = forwarded
        try:
            slot = self._slot(address)
            if blocking:
                self._begin_wait(forwarded)
            forwarded.withdraw = slot.forward(body, forwarded)
        except Exception as error:
            forwarded.fail(error)

    def _begin_wait(self, forwarded: _Forwarded) -> None:
        if forwarded.blocking:
            return
        asker = forwarded.asker.urn
        circle = self._waits.circle(asker, forwarded.asked)
        if circle:
            names = " -> ".join(self._app.name_of(urn) for urn in circle)
            raise AskCycle(f"these actors would wait for each other for ever: {names}")
        forwarded.blocking = True
        self._waits.begin(asker, forwarded.asked)

    def _on_waiting(self, asker: Incarnation, number: int, waits: bool) -> None:
        forwarded = self._open.get((asker.urn, asker.number, number))
        if forwarded is None:
            return  # answered in the meantime
        try:
            if waits:
                if forwarded.starts:
                    self._refuse_asks_of(forwarded.asked, asker.urn)
                self._begin_wait(forwarded)
            else:
                self._end_wait(forwarded)
        except AskCycle as error:
            if forwarded.withdraw is not None:
                forwarded.withdraw()
            forwarded.fail(error)

    def _refuse_asks_of(self, starting: str, starter: str) -> None:
        """Refuse what an actor asks in its start of the one who waits for that start: then the start fails.

        To refuse the wait instead would leave an actor that its starter knows nothing of.
        """
        circle = self._waits.circle(starter, starting)
        if not circle:
            return
        names = " -> ".join(self._app.name_of(urn) for urn in circle)
        error = AskCycle(f"these actors would wait for each other for ever: {names}")
        for forwarded in [found for found in self._open.values() if found.asker.urn == starting and found.blocking]:
            if forwarded.withdraw is not None:
                forwarded.withdraw()
            self._answer(forwarded, False, self.encode_error(error))

    def _cancel(self, asker: Incarnation, number: int) -> None:
        forwarded = self._open.pop((asker.urn, asker.number, number), None)
        if forwarded is not None:
            self._end_wait(forwarded)
            if forwarded.withdraw is not None:
                forwarded.withdraw()

    def _end_wait(self, forwarded: _Forwarded) -> None:
        if forwarded.blocking:
            forwarded.blocking = False
            self._waits.end(forwarded.asker.urn, forwarded.asked)

    def answer(self, forwarded: _Forwarded, ok: bool, body: bytes) -> None:
        """Send a packed answer to the child that asked. Any thread."""
        if self._app.loop.on_thread:
            self._answer(forwarded, ok, body)
        else:
            self._app.loop.call_soon(self._answer, forwarded, ok, body)

    def _answer(self, forwarded: _Forwarded, ok: bool, body: bytes) -> None:
        asker = forwarded.asker
        if self._open.pop((asker.urn, asker.number, forwarded.number), None) is None:
            return  # given up, or refused
        self._end_wait(forwarded)
        self._send(asker, [REPLY_FOR, forwarded.number, ok, body])

    def answer_value(self, forwarded: _Forwarded, value: object) -> None:
        """Pack and send the answer of an actor in this process. Any thread."""
        try:
            self.answer(forwarded, True, self._app.codec.encode(value))
        except Exception as error:
            forwarded.fail(error)

    def encode_error(self, error: BaseException) -> bytes:
        """Return an error as packed bytes, whatever it is."""
        return self._app.codec.encode_exception(error)

    def _send(self, asker: Incarnation, content: list[object]) -> None:
        if asker.channel is None:
            return
        try:
            asker.channel.send(content)
        except Exception as error:
            logging.getLogger("supervision").info("an answer for %s was not sent: %s", asker.urn, error)

    # -- about actors ---------------------------------------------------------------------------

    def _serve(self, asker: Incarnation, number: int, operation: str, arguments: list[Any]) -> None:
        done = self._app.operations.perform(asker, operation, arguments)
        key = (asker.urn, asker.number, number)
        about_actor = bool(done.actor) and not done.done
        if about_actor:  # who waits for the end or the start of an actor waits for that actor
            self._open[key] = _Forwarded(self, asker, number, done.actor)
            self._open[key].starts = operation == "start"

        def settle(future: Any) -> None:
            forwarded = self._open.pop(key, None)
            if forwarded is not None:
                self._end_wait(forwarded)
            elif about_actor:
                return  # refused
            try:
                self._send(asker, [REPLY, number, future.get(timeout=0)])
            except Exception as error:
                self._send(asker, [ERROR, number, error])

        done.add_done_callback(settle)

    # -- telemetry ------------------------------------------------------------------------------

    def _event(self, name: Any, measurements: Any, metadata: Any) -> None:
        if not isinstance(measurements, dict) or not isinstance(metadata, dict):
            raise ProtocolError("an event's measurements and metadata must be dicts")
        reporter.put_for_child(lambda: telemetry.deliver(tuple(name), measurements, metadata))


def _log(fields: Any) -> None:
    if not isinstance(fields, dict):
        return
    logger = logging.getLogger(str(fields.get("name", "supervision")))
    level = int(fields.get("level", logging.INFO))
    if not logger.isEnabledFor(level):
        return
    record = logger.makeRecord(
        logger.name,
        level,
        str(fields.get("path", "")),
        int(fields.get("line", 0)),
        str(fields.get("message", "")),
        (),
        None,
        str(fields.get("function", "")),
    )
    record.process = fields.get("pid")
    record.processName = f"actor {fields.get('pid')}"
    record.threadName = fields.get("thread")
    record.created = float(fields.get("created", record.created))
    record.exc_text = fields.get("trace")
    logger.handle(record)
