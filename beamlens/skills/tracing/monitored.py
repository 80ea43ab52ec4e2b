"""Hear of a function's calls from the interpreter itself: `sys.monitoring`, from Python 3.12 on."""

from __future__ import annotations

import sys
import threading
import time
from types import CodeType
from typing import Any, Final

from beamlens.skills.tracing.arguments import types_in
from beamlens.skills.tracing.session import Call, Session
from beamlens.skills.tracing.target import refused

__all__ = ["MonitoringHook"]

_MOST_OPEN: Final = 1000
_MOST_UNWOUND: Final = 20_000


class MonitoringHook:
    """Have the interpreter tell of one code object's calls. Its functions run inside of the traced calls.

    Calls are known by their frame. That a call was left by an exception is told of all functions or of none: 0.1 us
    for each function that any exception leaves, for as long as the trace lasts. Where that happens more than 20,000
    times a second it is given up, and the session's `sees_raised` says so.

    Once the session has ended, the code's own events are switched off where they are met, by `DISABLE`: a function
    that is called a million times a second is rid of them before the thread that ends the trace has woken.

    Args:
        session: hears of each call.
        monitoring: `sys.monitoring`.
        tool: a number that nobody uses.
    """

    name = "monitoring"

    def __init__(self, session: Session, monitoring: Any, tool: int) -> None:
        self._session = session
        self._code = session.target.code
        self._monitoring = monitoring
        self._tool = tool
        self._put = False
        self._open: dict[int, Call] = {}
        self._lock = threading.RLock()
        self._unwound = 0
        self._counted_since = time.monotonic()

    def put(self) -> None:
        """Register with the interpreter, for this code only.

        Raises:
            SkillError: `refused`, another tool took the number just now.
        """
        monitoring, events, tool = self._monitoring, self._monitoring.events, self._tool
        try:
            monitoring.use_tool_id(tool, "beamlens-tracer")
        except ValueError as error:
            raise refused(self._session.target.name, f"another tool has begun to watch this moment: {error}") from None
        self._put = True
        monitoring.register_callback(tool, events.PY_START, self._begun)
        monitoring.register_callback(tool, events.PY_RETURN, self._returned)
        monitoring.register_callback(tool, events.PY_UNWIND, self._left)
        monitoring.set_local_events(tool, self._code, events.PY_START | events.PY_RETURN)
        monitoring.set_events(tool, events.PY_UNWIND)

    def remove(self) -> bool:
        """Leave the interpreter as it was."""
        with self._lock:
            if self._put:
                self._put = False
                self._take_out()
        self._open.clear()
        return True

    def _take_out(self) -> None:
        monitoring, events, tool = self._monitoring, self._monitoring.events, self._tool
        monitoring.set_events(tool, 0)
        monitoring.set_local_events(tool, self._code, 0)
        for event in (events.PY_START, events.PY_RETURN, events.PY_UNWIND):
            monitoring.register_callback(tool, event, None)
        monitoring.free_tool_id(tool)

    def _begun(self, _code: CodeType, _offset: int) -> Any:
        frame = sys._getframe(1)
        call = self._session.enter(frame.f_back, lambda: types_in(frame))
        if call is None:
            return self._monitoring.DISABLE
        if len(self._open) >= _MOST_OPEN:
            self._open.clear()
        self._open[id(frame)] = call
        return None

    def _returned(self, _code: CodeType, _offset: int, value: object) -> Any:
        call = self._open.pop(id(sys._getframe(1)), None)
        if call is not None:
            self._session.leave(call, type(value).__name__, False)
        return None if self._session.active else self._monitoring.DISABLE

    def _left(self, code: CodeType, _offset: int, error: BaseException) -> None:
        if code is self._code:
            call = self._open.pop(id(sys._getframe(1)), None)
            if call is not None:
                self._session.leave(call, type(error).__name__, True)
            return
        self._unwound += 1
        if self._unwound >= _MOST_UNWOUND:
            self._bound_unwound()

    def _bound_unwound(self) -> None:
        now = time.monotonic()
        with self._lock:
            if self._put and now - self._counted_since < 1.0:
                # Returning DISABLE would raise an exception here, in the application.
                self._session.sees_raised = False
                self._monitoring.set_events(self._tool, 0)
            self._unwound, self._counted_since = 0, now
