"""How calls of one function are heard: by `sys.monitoring` from Python 3.12 on, by a wrapper before.

The wrapper takes the function's place in the module or class that holds it, so that calls by a name that somebody
imported before are not seen. Monitoring sees every call, since it watches the code itself.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, Final, Protocol

from beamlens.skills.tracing.session import Session

__all__ = ["Hook", "MonitoringHook", "WrapperHook", "hook_for"]

_TOOL_IDS: Final = (4, 3)  # 0, 1, 2 and 5 are for debuggers, coverage, profilers and optimizers
_MOST_OPEN: Final = 1000


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
        return MonitoringHook(session, monitoring)
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

    Calls are known by their frame. The interpreter does not tell of exceptions that leave one function only, so of a
    call that raises its beginning is known and nothing else; arguments are never known.

    Args:
        session: hears of each call.
        monitoring: `sys.monitoring`.
    """

    name = "monitoring"

    def __init__(self, session: Session, monitoring: Any) -> None:
        self._session = session
        self._monitoring = monitoring
        self._tool: int | None = None
        self._open: dict[int, float] = {}

    def put(self) -> None:
        """Register with the interpreter, for this code only."""
        monitoring, events = self._monitoring, self._monitoring.events
        self._tool = next(number for number in _TOOL_IDS if monitoring.get_tool(number) is None)
        monitoring.use_tool_id(self._tool, "beamlens-tracer")
        monitoring.register_callback(self._tool, events.PY_START, self._begun)
        monitoring.register_callback(self._tool, events.PY_RETURN, self._returned)
        monitoring.set_local_events(self._tool, self._session.target.code, events.PY_START | events.PY_RETURN)

    def remove(self) -> bool:
        """Leave the interpreter as it was."""
        tool, self._tool = self._tool, None
        if tool is not None:
            monitoring, events = self._monitoring, self._monitoring.events
            monitoring.set_local_events(tool, self._session.target.code, 0)
            for event in (events.PY_START, events.PY_RETURN):
                monitoring.register_callback(tool, event, None)
            monitoring.free_tool_id(tool)
        self._open.clear()
        return True

    def _begun(self, _code: CodeType, _offset: int) -> None:
        began = self._session.enter((), {}, 3)
        if began is not None:
            if len(self._open) >= _MOST_OPEN:
                self._open.clear()
            self._open[id(sys._getframe(1))] = began

    def _returned(self, _code: CodeType, _offset: int, value: object) -> None:
        began = self._open.pop(id(sys._getframe(1)), None)
        if began is not None:
            self._session.leave(began, (), {}, type(value).__name__, False)
