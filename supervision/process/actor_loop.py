"""The loop that runs one actor on the main thread of its process, in place of Pykka's.

Pykka's loop lets `SystemExit` stop every actor, leaves asks without an answer, and does not say when
`on_start` failed. This one answers every ask, tells why it ended, and ends the process with the actor.
"""

from __future__ import annotations

import logging
import math
import sys
import threading
from typing import Any

from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr

from supervision.errors import ProtocolError
from supervision.exits import NORMAL, SHUTDOWN, ExitReason, crash
from supervision.future import ReplyFuture, pass_on
from supervision.messages import Exit
from supervision.process import birth, child_telemetry, forked_copy
from supervision.process.birth import Birth, Ended, Ignore
from supervision.process.child_node import ChildNode
from supervision.process.endings import crash_reason, is_end_from_outside, reason_of_exit
from supervision.process.envelopes import reply_frame
from supervision.process.link import Link
from supervision.process.protocol import (
    ASK,
    ASK_FOR,
    ERROR,
    EXIT,
    GOODBYE,
    INTERESTS,
    INTROSPECT,
    REPLY,
    REPLY_FOR,
    START_FAILED,
    STARTED,
    STOP,
    TELL,
    TELL_FOR,
    TELLS,
    UNREADABLE,
)
from supervision.process.timers import Timers
from supervision.proxy import Attributes, describe

__all__ = ["ActorLoop"]

logger = logging.getLogger("supervision.actor")

_PYKKAS = frozenset({ProxyCall, ProxyGetAttr, ProxySetAttr})


class ActorLoop:
    """Run one actor from its construction to its end.

    Args:
        link: the way to the application.
        node: this process' node.
        actor_class: the actor's class.
        orders: what the promotion said: urn, incarnation, name, args, kwargs, interests, log_level.
    """

    def __init__(self, link: Link, node: ChildNode, actor_class: type[Any], orders: dict[str, Any]) -> None:
        self.link = link
        self.node = node
        self.timers = Timers()
        self._encode = link.codec.encode
        self._class = actor_class
        self._orders = orders
        self._actor: Any = None
        self._ended: ExitReason | None = None
        self._failed = False

    def run(self) -> int:
        """Construct the actor, run it, tell why it ended; return the process' exit code. Main thread."""
        child_telemetry.set_level(self._orders["log_level"])
        child_telemetry.set_interests(self.link, self._orders["interests"])
        try:
            if not self._start():
                return 1
            self._receive_until_ended()
        except SystemExit as stop:  # SIGTERM while it waited for a message
            self._ended = reason_of_exit(stop)
        return self._say_goodbye()

    # -- starting -----------------------------------------------------------------------------

    def _start(self) -> bool:
        orders = self._orders
        birth.set_current(Birth(*self.node.address, orders.get("name"), self))
        try:
            actor = self._class(*orders.get("args", ()), **orders.get("kwargs", {}))
            if getattr(actor, "_actor_ref", None) is None:
                raise TypeError(
                    f"{self._class.__qualname__}.__init__() did not call super().__init__(); "
                    "without it the actor has no ref and no inbox: add the call"
                )
            self._actor = actor
            actor.on_start()
        except Ignore:
            self.link.send([START_FAILED, "ignore", None])
            return False
        except Ended as end:
            self._fail_start(crash(end.reason.term(), end.reason.text))
            return False
        except BaseException as error:
            self.link.send([START_FAILED, "error", error])
            return False
        self.link.send([STARTED, describe(actor), orders.get("module"), orders.get("import_seconds", 0.0)])
        return True

    def _fail_start(self, reason: ExitReason) -> None:
        self.link.send([START_FAILED, "exit", reason])

    # -- running ------------------------------------------------------------------------------

    def _receive_until_ended(self) -> None:
        link = self.link
        inbox = link.inbox
        timers = self.timers
        while self._ended is None:
            content = inbox.popleft() if inbox else link.next(timers.next_due() if timers.pending else None)
            if content is None:
                self._fire_timers()
                continue
            kind = content[0]
            if kind == ASK:
                self._answer(content[1], content[2])
            elif kind == TELL:
                self._handle_told(content[1])
            elif kind == TELLS:
                self._handle_run(content)
            else:
                self._receive_rare(kind, content)
            if timers.pending:
                self._fire_timers()

    def _receive_rare(self, kind: object, content: list[Any]) -> None:
        if kind == ASK_FOR:
            self._answer_for(content[1], content[2])
        elif kind == TELL_FOR:
            self._handle_told_for(content[1])
        elif kind == UNREADABLE:
            self._refuse_unreadable(content[1], content[2])
        elif kind == STOP:
            self._ended = SHUTDOWN if content[2] == "shutdown" else NORMAL
        elif kind == EXIT:
            self._hear_exit(content[1], content[2])
        elif kind == INTROSPECT:
            self.link.send([REPLY, content[1], describe(self._actor)])
        elif kind == INTERESTS:
            child_telemetry.set_interests(self.link, content[1])
        elif kind == "self":
            self._receive_from_self(content[1], content[2])
        else:
            raise ProtocolError(f"the application sent a frame of an unknown kind: {kind!r}")

    def _dispatch(self, message: Any) -> Any:
        if type(message) in _PYKKAS:
            return self._actor._handle_receive(message)
        return self._actor.on_receive(message)

    def _answer(self, number: Any, message: object) -> None:
        try:
            if type(message) in _PYKKAS:
                result = self._actor._handle_receive(message)
            else:
                result = self._actor.on_receive(message)
            if isinstance(result, ReplyFuture) and result.is_deferred_reply:
                result.add_done_callback(lambda done: self._answer_late(number, done))
                return
            data = reply_frame(number, self._encode(result))
        except Exception as error:
            self._log_returned(error)
            self.link.send([ERROR, number, error])
            return
        except BaseException as error:
            self._end_in_handler(error)
            if not is_end_from_outside(error):
                self.link.send([ERROR, number, error])
            return
        self.link.send_framed(data)

    def _answer_late(self, number: Any, done: ReplyFuture) -> None:
        """Answer an ask whose handler returned a future. The thread that settles it."""
        try:
            data = reply_frame(number, self._encode(done.get(timeout=0)))
        except BaseException as error:
            self.link.send([ERROR, number, error])
        else:
            self.link.send_framed(data)

    def _answer_late_for(self, number: Any, done: ReplyFuture) -> None:
        codec = self.link.codec
        try:
            data = codec.encode(done.get(timeout=0))
        except BaseException as error:
            self.link.send([REPLY_FOR, number, False, codec.encode(error)])
        else:
            self.link.send([REPLY_FOR, number, True, data])

    def _answer_for(self, number: Any, body: Any) -> None:
        codec = self.link.codec
        try:
            result = self._dispatch(codec.decode(body))
            if isinstance(result, ReplyFuture) and result.is_deferred_reply:
                result.add_done_callback(lambda done: self._answer_late_for(number, done))
                return
            self.link.send([REPLY_FOR, number, True, codec.encode(result)])
        except Exception as error:
            self._log_returned(error)
            self.link.send([REPLY_FOR, number, False, codec.encode(error)])
        except BaseException as error:
            self._end_in_handler(error)
            if not is_end_from_outside(error):
                self.link.send([REPLY_FOR, number, False, codec.encode(error)])

    def _receive_from_self(self, pending: Any, message: object) -> None:
        """Handle what the actor told or asked itself; `pending` is None for a tell."""
        if pending is None:
            self._handle_told(message)
            return
        try:
            result = self._dispatch(message)
            if isinstance(result, ReplyFuture) and result.is_deferred_reply:
                result.add_done_callback(lambda done: pass_on(done, pending))
            else:
                pending.succeed(result)
        except Exception as error:
            self._log_returned(error)
            pending.fail(error)
        except BaseException as error:
            self._end_in_handler(error)
            pending.fail(error)

    def _handle_told(self, message: object) -> None:
        try:
            if type(message) in _PYKKAS:
                self._actor._handle_receive(message)
            else:
                self._actor.on_receive(message)
        except Exception as error:
            self._crash(error)
        except BaseException as error:
            self._end_in_handler(error)

    def _handle_run(self, content: list[Any]) -> None:
        """Handle tells that came in one frame as `_handle_told` and the loop around it would, for less."""
        actor, timers = self._actor, self.timers
        try:
            for message in content[1:]:
                if type(message) in _PYKKAS:
                    actor._handle_receive(message)
                else:
                    actor.on_receive(message)
                if timers.pending:
                    self._fire_timers()
                    if self._ended is not None:
                        return
        except Exception as error:
            self._crash(error)
        except BaseException as error:
            self._end_in_handler(error)

    def _handle_told_for(self, body: Any) -> None:
        try:
            message = self.link.codec.decode(body)
        except ProtocolError as error:
            self._crash(error)
        else:
            self._handle_told(message)

    def _refuse_unreadable(self, number: Any, error: ProtocolError) -> None:
        """Do with a message that cannot be unpacked here what is done when a handler raises."""
        if number is None:
            self._crash(error)
        else:
            self._log_returned(error)
            self.link.send([ERROR, number, error])

    def _log_returned(self, error: Exception) -> None:
        logger.info("Exception returned from %s to caller:", self._actor, exc_info=error)

    def _fire_timers(self) -> None:
        for target, message in self.timers.due():
            if self._ended is not None:
                return
            if target is None:
                self._handle_told(message)
            else:
                self._tell_other(target, message)

    def _tell_other(self, target: Any, message: object) -> None:
        try:
            target.tell(message)
        except Exception as error:
            logger.info("a timer's message for %s was not sent: %s", target, error)

    def _hear_exit(self, address: Any, reason: Any) -> None:
        if getattr(self._actor, "trap_exits", False):
            self._handle_told(Exit(self.node.ref(tuple(address)), reason))
        elif not reason.is_normal or reason.kind == "shutdown":
            self._ended = reason

    # -- what the actor asks of its loop ------------------------------------------------------

    @property
    def actor_class(self) -> type[Any]:
        """The actor's class."""
        return self._class

    def attributes(self) -> Attributes:
        """Return the actor's own attributes; none before its `__init__` has returned."""
        return describe(self._actor) if self._actor is not None else []

    def stop_self(self) -> None:
        """Have the actor stop after the messages that are here. Any thread."""
        if self.link.on_actor_thread:
            self.link.inbox.append([STOP, 0, "normal"])
        else:
            self._actor.actor_ref.stop(block=False)

    def send_after(self, delay: float, to: Any, message: object) -> Any:
        """Have `message` sent to `to` (None: the actor) in `delay` seconds. Any thread."""
        if not (delay >= 0 and math.isfinite(delay)):
            raise ValueError(f"delay is {delay!r}; seconds from 0 up are expected")
        self.link.codec.encode(message)
        if self.link.on_actor_thread:
            return self.timers.add(delay, to, message)
        timer = threading.Timer(delay, self._tell_other, (to or self._actor.actor_ref, message))
        timer.daemon = True
        timer.start()
        return timer

    # -- ending -------------------------------------------------------------------------------

    def _crash(self, error: Exception) -> None:
        if self.link.is_copy:
            forked_copy.leave(error)
        logger.error("Unhandled exception in %s:", self._actor, exc_info=error)
        self._ended = crash_reason(error)
        self._failed = True
        try:
            self._actor.on_failure(*sys.exc_info())
        except Exception as second:
            logger.error("Unhandled exception in on_failure of %s:", self._actor, exc_info=second)
        except BaseException as second:
            logger.debug("%r in on_failure of %s", second, self._actor)

    def _end_in_handler(self, error: BaseException) -> None:
        if self.link.is_copy:
            forked_copy.leave(error)
        if isinstance(error, Ended):
            self._ended = error.reason
        elif isinstance(error, SystemExit):
            self._ended = reason_of_exit(error)
        else:
            self._ended = crash_reason(error)

    def _say_goodbye(self) -> int:
        reason = self._ended or NORMAL
        if not self._failed:  # as in Pykka: after a failure on_failure was called, and on_stop is not
            reason = self._run_on_stop(reason)
        self.link.send([GOODBYE, reason])
        if self._orders.get("rehearsal"):
            birth.set_current(None)
        child_telemetry.leave(self.link)
        return 0 if reason.is_normal else 1

    def _run_on_stop(self, reason: ExitReason) -> ExitReason:
        try:
            self._actor.on_stop()
        except Exception as error:
            logger.error("Unhandled exception in on_stop of %s:", self._actor, exc_info=error)
            return crash_reason(error)
        except Ended as end:
            return end.reason  # type: ignore[no-any-return]
        except SystemExit as stop:
            return reason_of_exit(stop)
        except BaseException as error:
            return crash_reason(error)
        return reason
