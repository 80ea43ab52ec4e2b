"""Hear of a function's calls by standing in its place: the way of Python 3.11."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any, Final

from beamlens.skills.tracing.arguments import defaults_of, types_given
from beamlens.skills.tracing.session import Call, Session
from beamlens.skills.tracing.target import Target, refused

__all__ = ["WrapperHook"]

_MARK: Final = "__traced_by_beamlens__"


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
        """Take the function's place.

        Raises:
            SkillError: `refused`, what is there is no plain function, so that its place cannot be taken unnoticed.
        """
        target = self._session.target
        wrapped = _wrapped(_outermost(target), self._session)
        self._wrapper = type(target.raw)(wrapped) if isinstance(target.raw, staticmethod | classmethod) else wrapped
        setattr(target.holder, target.attribute, self._wrapper)

    def remove(self) -> bool:
        """Give the place back, unless somebody else has taken it since: then the wrapper stays below and passes on."""
        target = self._session.target
        if vars(target.holder).get(target.attribute) is not self._wrapper:
            return False
        setattr(target.holder, target.attribute, target.raw)
        return True


def _outermost(target: Target) -> FunctionType:
    raw = target.raw.__func__ if isinstance(target.raw, staticmethod | classmethod) else target.raw
    if not isinstance(raw, FunctionType):
        why = f"{type(raw).__name__} holds it, whose place a wrapper cannot take; trace what calls it, or what it calls"
        raise refused(target.name, why)
    if hasattr(raw, _MARK):
        raise refused(target.name, "the wrapper of an earlier trace is still in its place")
    return raw


def _wrapped(function: FunctionType, session: Session) -> Callable[..., Any]:
    enter = _entering(function, session)
    wrapper = _of_coroutine if inspect.iscoroutinefunction(function) else _of_function
    traced = functools.wraps(function)(wrapper(function, session, enter))
    setattr(traced, _MARK, True)
    return traced


def _entering(function: FunctionType, session: Session) -> Callable[[tuple[Any, ...], dict[str, Any]], Call | None]:
    code, defaults = function.__code__, defaults_of(function)

    def enter(arguments: tuple[Any, ...], named: dict[str, Any]) -> Call | None:
        caller = sys._getframe(1).f_back
        return session.enter(caller, lambda: types_given(code, defaults, arguments, named))

    return enter


def _of_function(function: FunctionType, session: Session, enter: Callable[..., Call | None]) -> Any:
    def traced(*args: Any, **kwargs: Any) -> Any:
        call = enter(args, kwargs)
        if call is None:
            return function(*args, **kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            session.leave(call, type(error).__name__, True)
            raise
        session.leave(call, type(result).__name__, False)
        return result

    return traced


def _of_coroutine(function: FunctionType, session: Session, enter: Callable[..., Call | None]) -> Any:
    async def traced(*args: Any, **kwargs: Any) -> Any:
        call = enter(args, kwargs)
        if call is None:
            return await function(*args, **kwargs)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            session.leave(call, type(error).__name__, True)
            raise
        session.leave(call, type(result).__name__, False)
        return result

    return traced
