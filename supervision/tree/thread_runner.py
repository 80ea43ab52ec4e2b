"""Run any other Pykka actor as a child: on a thread of this process, with a loop of ours.

Pykka's own loop does not say whether `on_start` failed or why the actor ended, lets `SystemExit` stop
every actor, and leaves an ask that comes after the end without an answer.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import time
import traceback
from typing import Any

import pykka
from pykka.messages import _ActorStop  # Pykka's refs send it; there is no public name

from supervision.exits import KILLED, NORMAL, SHUTDOWN, ExitReason, crash
from supervision.future import ReplyFuture, pass_on
from supervision.process import context
from supervision.process.application import Application
from supervision.process.birth import Ended, Ignore
from supervision.process.waiter import as_error
from supervision.reports import report_event
from supervision.tree.local_runner import LocalRunner
from supervision.tree.runner import Entry, RunnerOwner

__all__ = ["ThreadRunner"]

logger = logging.getLogger("supervision.actor")


class _Inbox(queue.Queue[Any]):
    """Answer what is put after the end at once, in place of keeping it for nobody."""

    def __init__(self) -> None:
        super().__init__()
        self._ended: Any = None
        self._gate = threading.Lock()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        with self._gate:
            if self._ended is None:
                super().put(item, block, timeout)
                return
        _refuse(item, self._ended)

    def end(self, text: str) -> None:
        """Refuse everything from now on, and what is here; wake whoever waits for a message."""
        with self._gate:
            self._ended = text
        while not self.empty():
            _refuse(self.get(), text)
        super().put(None)


def _refuse(envelope: Any, text: str) -> None:
    if envelope is None or envelope.reply_to is None:
        return
    if isinstance(envelope.message, _ActorStop):
        envelope.reply_to.set(None)
    else:
        error = pykka.ActorDeadError(text)
        envelope.reply_to.set_exception((pykka.ActorDeadError, error, None))


class ThreadRunner(LocalRunner):
    """Run one incarnation of a Pykka actor on a daemon thread.

    A thread cannot be killed: `kill` abandons it and says so in an event.

    Args:
        app: the application.
        owner: hears how it fares.
        entry: the child's place.
        start: the class, its args and kwargs.
        number: counts the child's incarnations.
    """

    def __init__(self, app: Application, owner: RunnerOwner, entry: Entry, start: Any, number: int) -> None:
        super().__init__(app, owner, entry, number)
        self._class, self._args, self._kwargs = start
        self._asked = False
        self._reason: ExitReason = NORMAL
        self._late: set[_Late] = set()
        self._thread = threading.Thread(target=self._run, name=f"{self._class.__name__}-{number}", daemon=True)

    @property
    def pid(self) -> int | None:
        """This process' id."""
        return os.getpid()

    # -- loop thread ----------------------------------------------------------------------------

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Ask it to end with reason `shutdown`, after the messages it has."""
        self._asked = True
        if self.ref is not None:
            self.ref.stop(block=False)

    def kill(self) -> None:
        """Abandon the thread: it is taken for dead, and runs on until it next looks for a message."""
        if self.gone:
            return
        report_event("child", "abandoned", {}, {"id": self._entry.key, "thread": self._thread.name})
        if self.ref is not None:
            self._abandon()
        self._end_late()
        if self.started_at:
            self._exited(KILLED)
        else:
            self._failed("killed", None)

    def kill_deaf(self) -> None:
        """Abandon the thread; its stack goes into the event."""
        stack = sys._current_frames().get(self._thread.ident or 0)
        text = "".join(traceback.format_stack(stack)) if stack is not None else ""
        report_event("child", "stacks", {}, {"id": self._entry.key, "stacks": text})
        self.kill()

    def _opened(self) -> None:
        if self.gone:  # killed while it started
            self._abandon()
            return
        self._open_way()
        self.started_at = time.monotonic()
        self._owner.started(self._entry, self, None)

    def _abandon(self) -> None:
        self.ref.actor_stopped.set()
        self.ref.actor_inbox.end(f"{self.ref} was killed")

    # -- the actor's thread -----------------------------------------------------------------------

    def _run(self) -> None:
        post = self._app.loop.call_soon
        context.set_thread_actor((self._entry.slot.urn, self._number))
        try:
            actor = self._construct()
        except Ignore:
            post(self._ignored)
            return
        except BaseException as error:
            post(self._failed, (type(error).__name__, str(error)), error)
            return
        post(self._opened)
        self._receive(actor)
        pykka.ActorRegistry.unregister(actor.actor_ref)
        actor.actor_stopped.set()
        actor.actor_inbox.end(f"{actor.actor_ref} stopped before handling the message")
        self._end_late()
        post(self._exited, self._reason)

    def _construct(self) -> Any:
        actor = self._class(*self._args, **self._kwargs)
        if getattr(actor, "_actor_ref", None) is None:
            raise TypeError(f"{self._class.__qualname__}.__init__() did not call super().__init__(); add the call")
        actor.actor_inbox = actor._actor_ref.actor_inbox = _Inbox()
        actor.on_start()
        self.ref = actor.actor_ref
        pykka.ActorRegistry.register(self.ref)
        return actor

    def _receive(self, actor: Any) -> None:
        while not actor.actor_stopped.is_set():
            envelope = actor.actor_inbox.get()
            if envelope is None:
                return  # abandoned
            if isinstance(envelope.message, _ActorStop):
                self._reason = SHUTDOWN if self._asked else NORMAL
                self._stop(actor)
                if envelope.reply_to is not None:
                    envelope.reply_to.set(None)
                return
            self._handle(actor, envelope)

    def _handle(self, actor: Any, envelope: Any) -> None:
        try:
            result = actor._handle_receive(envelope.message)
        except Exception as error:
            if envelope.reply_to is not None:
                logger.info("Exception returned from %s to caller:", actor, exc_info=error)
                envelope.reply_to.set_exception((type(error), error, error.__traceback__))
            else:
                self._crash(actor, error)
        except BaseException as error:
            self._reason = error.reason if isinstance(error, Ended) else _reason_of(error)
            if envelope.reply_to is not None:
                told = as_error(error)  # the asker's program must not end with this actor
                envelope.reply_to.set_exception((type(told), told, error.__traceback__))
            self._stop(actor)
        else:
            if envelope.reply_to is not None:
                self._reply(envelope.reply_to, result)

    def _reply(self, reply_to: Any, result: Any) -> None:
        if isinstance(result, ReplyFuture) and result.is_deferred_reply:
            late = _Late(reply_to, self._late)
            result.add_done_callback(lambda done: pass_on(done, late))
        else:
            reply_to.set(result)

    def _end_late(self) -> None:
        for late in list(self._late):
            late.fail(pykka.ActorDeadError(f"{self._class.__name__} ended before it answered"))

    def _crash(self, actor: Any, error: Exception) -> None:
        logger.error("Unhandled exception in %s:", actor, exc_info=error)
        self._reason = crash((type(error).__name__, str(error)), "".join(traceback.format_exception(error)))
        actor.actor_stopped.set()
        try:
            actor.on_failure(type(error), error, error.__traceback__)
        except BaseException as second:
            logger.error("Unhandled exception in on_failure of %s:", actor, exc_info=second)

    def _stop(self, actor: Any) -> None:
        actor.actor_stopped.set()
        try:
            actor.on_stop()
        except BaseException as error:
            logger.error("Unhandled exception in on_stop of %s:", actor, exc_info=error)
            self._reason = crash((type(error).__name__, str(error)))


class _Late:
    """An ask whose handler returned a future: answered once, by the future or by the actor's end.

    Args:
        reply_to: the asker's future.
        others: the actor's open ones, this among them until it is answered.
    """

    def __init__(self, reply_to: Any, others: set[_Late]) -> None:
        self._reply_to = reply_to
        self._others = others
        self._lock = threading.Lock()
        self._open = True
        others.add(self)

    def succeed(self, value: object) -> None:
        """Answer. Any thread."""
        if self._close():
            self._reply_to.set(value)

    def fail(self, error: BaseException) -> None:
        """Answer with an error. Any thread."""
        if self._close():
            self._reply_to.set_exception((type(error), error, error.__traceback__))

    def _close(self) -> bool:
        with self._lock:
            was_open, self._open = self._open, False
        self._others.discard(self)
        return was_open


def _reason_of(error: BaseException) -> ExitReason:
    if isinstance(error, SystemExit):
        return NORMAL if error.code in (None, 0) else crash(("exit_status", error.code))
    return crash((type(error).__name__, str(error)))
