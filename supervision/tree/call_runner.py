"""Run a child that a function starts: the function returns the ref of an actor it has started."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pykka

from supervision.exits import KILLED, NORMAL
from supervision.process.application import Application
from supervision.process.incarnation import Incarnation
from supervision.process.slot import SlotTarget
from supervision.ref import Ref
from supervision.tree.local_runner import LocalRunner
from supervision.tree.runner import Entry, RunnerOwner

__all__ = ["IGNORE", "CallRunner"]


class _IgnoreType:
    """Be what a start function returns to say: deliberately not started."""

    def __repr__(self) -> str:
        return "IGNORE"


IGNORE = _IgnoreType()


class CallRunner(LocalRunner):
    """Call a start function on a thread of its own; adopt the actor that it started.

    The function may block. It returns a ref, `(ref, info)` or `IGNORE`. What it raises is a failed start whose
    reason is the error's `reason`, or else `(type, text)`; anything else that it returns is the reason of one.

    Args:
        app: the application.
        owner: hears how it fares.
        entry: the child's place.
        start: the function, its args and kwargs.
        number: counts the child's incarnations.
    """

    def __init__(self, app: Application, owner: RunnerOwner, entry: Entry, start: Any, number: int) -> None:
        super().__init__(app, owner, entry, number)
        self._function, self._args, self._kwargs = start
        self._incarnation: Incarnation | None = None

    @property
    def pid(self) -> int | None:
        """The process id."""
        return self._incarnation.pid if self._incarnation is not None else os.getpid()

    # -- loop thread ----------------------------------------------------------------------------

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._call, name=f"start-{self._entry.key}", daemon=True).start()

    def ask_to_stop(self) -> None:
        """Ask it to end with reason `shutdown`."""
        if self._incarnation is not None:
            self._incarnation.ask_to_stop("shutdown")
        elif self.ref is not None:
            self.ref.stop(block=False)

    def kill(self) -> None:
        """End it now; an actor on a thread is abandoned."""
        if self._incarnation is not None:
            self._incarnation.kill()
        elif self.ref is not None and not self.gone:
            self.ref.stop(block=False)
            self._exited(KILLED)
        elif not self.gone:  # the function still runs; what it starts is ended when it returns
            self._failed("killed", None)

    def kill_deaf(self) -> None:
        """End it now, having first asked it for its stacks."""
        if self._incarnation is not None:
            self._incarnation.kill_deaf()
        else:
            self.kill()

    def _adopt(self, ref: Any, info: object) -> None:
        if self.gone:
            ref.stop(block=False)
            return
        self.ref = ref
        if isinstance(ref, Ref) and isinstance(ref._target, SlotTarget):
            self._adopt_process(ref._target)
        else:
            self._open_way()
            threading.Thread(target=self._watch, name=f"watch-{self._entry.key}", daemon=True).start()
        self.started_at = time.monotonic()
        self._owner.started(self._entry, self, info)

    def _adopt_process(self, target: SlotTarget) -> None:
        slot = target.slot
        way = slot.way
        if isinstance(way, Incarnation):
            self._incarnation = way
            # The way counts the lives of what was started; each of those is one incarnation of the child.
            self._owner.way_opened(self._entry, way, self._number)
        if slot.watch(target.address()[1], self._exited) is None:
            self._app.loop.call_soon(self._exited, slot.reason)

    # -- threads --------------------------------------------------------------------------------

    def _call(self) -> None:
        post = self._app.loop.call_soon
        try:
            result = self._function(*self._args, **self._kwargs)
        except BaseException as error:
            post(self._failed, _term(error), error)
            return
        ref, info = result if isinstance(result, tuple) and len(result) == 2 else (result, None)
        if result is IGNORE:
            post(self._ignored)
        elif isinstance(ref, pykka.ActorRef):
            post(self._adopt, ref, info)
        else:
            text = f"{self._function!r} returned {result!r}; it must return a ref, (ref, info) or IGNORE"
            post(self._failed, result, TypeError(text))

    def _watch(self) -> None:
        self.ref.actor_stopped.wait()
        self._app.loop.call_soon(self._exited, NORMAL)


def _term(error: BaseException) -> object:
    reason = getattr(error, "reason", None)
    return reason if reason is not None else (type(error).__name__, str(error))
