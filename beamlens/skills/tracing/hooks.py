"""How calls of one function are heard: by `sys.monitoring` from Python 3.12 on, by a wrapper before.

The wrapper takes the function's place in the module or class that holds it, so that calls by a name that somebody
imported before are not seen. Monitoring sees every call, since it watches the code itself.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, Final, Protocol

from beamlens.skills.tracing.session import Session

__all__ = ["Hook", "MonitoringHook", "WrapperHook", "hook_for"]

_TOOL_IDS: Final = (4, 3)  # 0, 1, 2 and 5 are for debuggers, coverage, profilers and optimizers


class Hook(Protocol):
    """Hear calls for a session."""

    name: str

    def put(self) -> None:
        """Begin."""

    def remove(self) -> bool:
        """Put everything back; return whether that could be done."""


def hook_for(session: Session) -> Hook:
    """Return the way that this Python has."""
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is not None and any(monitoring.get_tool(number) is None for number in _TOOL_IDS):
        return MonitoringHook(session)
    return WrapperHook(session)


class WrapperHook:
    """Stand in the function's place.

    Args:
        session: hears of each call.
    """

    name = "wrapper"

    def __init__(self, session: Session) -> None:
        self._session = session
        self._wrapper: Any = None

    def put(self) -> None:
        """Take the function's place."""
        target = self._session.target
        wrapped = _wrapped(target.function, self._session)
        self._wrapper = type(target.raw)(wrapped) if isinstance(target.raw, staticmethod | classmethod) else wrapped
        setattr(target.holder, target.attribute, self._wrapper)

    def remove(self) -> bool:
        """Give the place back, unless somebody else has taken it since: then the wrapper stays below and passes on."""
        target = self._session.target
        if vars(target.holder).get(target.attribute) is not self._wrapper:
            return False
        setattr(target.holder, target.attribute, target.raw)
        return True


def _wrapped(function: FunctionType, session: Session) -> Callable[..., Any]:
    if session.target.kind == "coroutine function":

        @functools.wraps(function)
        async def traced_coroutine(*args: Any, **kwargs: Any) -> Any:
            began = session.enter(args, kwargs)
            if began is None:
                return await function(*args, **kwargs)
            try:
                result = await function(*args, **kwargs)
            except BaseException as error:
                session.leave(began, args, kwargs, type(error).__name__, True)
                raise
            session.leave(began, args, kwargs, type(result).__name__, False)
            return result

        return traced_coroutine

    @functools.wraps(function)
    def traced(*args: Any, **kwargs: Any) -> Any:
        began = session.enter(args, kwargs)
        if began is None:
            return function(*args, **kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            session.leave(began, args, kwargs, type(error).__name__, True)
            raise
        session.leave(began, args, kwargs, type(result).__name__, False)
        return result

    return traced


class MonitoringHook:
    """Have the interpreter tell of one code object's calls; code elsewhere pays nothing. Python 3.12 and later.

    Args:
        session: hears of each call.
    """

    name = "monitoring"

    def __init__(self, session: Session) -> None:
        self._session = session
        self._monitoring: Any = getattr(sys, "monitoring", None)
        self._tool: int | None = None
        self._open = threading.local()

    def put(self) -> None:
        """Register with the interpreter, for this code only."""
        monitoring, code = self._monitoring, self._session.target.code
        self._tool = next(number for number in _TOOL_IDS if monitoring.get_tool(number) is None)
        monitoring.use_tool_id(self._tool, "beamlens-tracer")
        events = monitoring.events
        monitoring.register_callback(self._tool, events.PY_START, self._started)
        monitoring.register_callback(self._tool, events.PY_RETURN, self._returned)
        local = events.PY_START | events.PY_RETURN
        monitoring.set_local_events(self._tool, code, local)

    def remove(self) -> bool:
        """Leave the interpreter as it was."""
        tool, self._tool = self._tool, None
        if tool is None:
            return True
        monitoring = self._monitoring
        monitoring.set_local_events(tool, self._session.target.code, 0)
        for event in (monitoring.events.PY_START, monitoring.events.PY_RETURN):
            monitoring.register_callback(tool, event, None)
        monitoring.free_tool_id(tool)
        return True

    def _stack(self) -> list[float | None]:
        found: list[float | None] | None = getattr(self._open, "calls", None)
        if found is None:
            found = self._open.calls = []
        return found

    def _started(self, _code: CodeType, _offset: int) -> None:
        self._stack().append(self._session.enter((), {}, 3))

    def _returned(self, _code: CodeType, _offset: int, value: object) -> None:
        calls = self._stack()
        began = calls.pop() if calls else None
        if began is not None:
            self._session.leave(began, (), {}, type(value).__name__, False)
