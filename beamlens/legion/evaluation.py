"""Evaluate code that the model wrote: the guard first, then Lua in a process of its own, its tools in this one."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from beamlens.agent.control import Control
from beamlens.legion.tools.context import tool_configuration
from beamlens.legion.tools.function import ToolError, ToolFunction
from beamlens.legion.tools.tool import BoundTool
from beamlens.sandbox import Evaluation, Limits, Sandbox, SandboxError, Session
from beamlens.sandbox.callbacks import Cancelled, TimedOut
from beamlens.sandbox.caller import ThreadCaller

__all__ = ["Evaluator"]

_INSTRUCTIONS: Final = 2_000_000_000  # about a minute: the clock ends code before this does
_CALLS: Final = 1_000
_CODE_BYTES: Final = 64 * 1024
_RESULT_BYTES: Final = 1024 * 1024
_PATIENCE: Final = 30.0  # seconds for a sandbox to become free
_REST: Final = 0.02
_CLOSING: Final = 1.0
_KEPT: Final = 2.0  # seconds that an idle sandbox is kept: there are not enough for all agents that wait
# What no expression begins with.
_STATEMENT: Final = re.compile(r"\s*(return|local|for|while|if|do|repeat|goto|break)\b")


class Evaluator:
    """Evaluate code for one agent. The thread that runs its turns.

    Args:
        functions: what code may call, with the tool that each belongs to.
        sandbox: returns the sandbox; given True, another one than before, which was found dead.
        seconds: for Lua, and for the tools of one evaluation together.
        memory_bytes: of Lua.
        bindings_bytes: of the globals that are kept.
        before_tools: called before the first tool of an evaluation; what it raises is raised by `evaluate`.
    """

    def __init__(
        self,
        functions: Mapping[str, tuple[BoundTool | None, ToolFunction]],
        sandbox: Callable[[bool], Sandbox | None],
        *,
        seconds: float,
        memory_bytes: int,
        bindings_bytes: int,
        before_tools: Callable[[], None] = lambda: None,
    ) -> None:
        self._sandbox = sandbox
        self._seconds = seconds
        self._prefix = _raising(functions)
        self._limits = Limits(
            code_bytes=_CODE_BYTES + len(self._prefix) + len("return "),
            wall_seconds=seconds,
            instructions=_INSTRUCTIONS,
            memory_bytes=memory_bytes,
            callback_calls=_CALLS,
            callback_seconds=None,  # a tool's time is kept here: some wait for people
            total_seconds=None,
            result_bytes=_RESULT_BYTES,
            callback_result_bytes=_RESULT_BYTES,
            argument_bytes=_RESULT_BYTES,
            bindings_bytes=bindings_bytes,
        )
        self._callbacks = {name: partial(self._call, tool, function) for name, (tool, function) in functions.items()}
        self._before_tools = before_tools
        self._called = False
        self._broken: Exception | None = None
        self._caller = ThreadCaller()
        self._left = 0.0
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._used = 0.0

    def close(self) -> None:
        """Let the thread of the tools and the sandbox's process end. Any thread."""
        self._caller.close()
        self._release()

    def rest(self) -> float | None:
        """Give back a sandbox that was not used for a while; return the seconds until that may be, None for never."""
        if self._session is None:
            return None
        left = self._used + _KEPT - time.monotonic()
        if left > 0:
            return left
        self._release()
        return None

    def waiting(self) -> threading.Timer:
        """Return a timer, begun, that gives the sandbox back when nobody stops it: while a model is asked, say."""
        timer = threading.Timer(_KEPT, self._release)
        timer.daemon = True
        timer.start()
        return timer

    def _release(self) -> None:
        if not self._lock.acquire(timeout=_CLOSING):
            return  # code is running in it: it ends with that, or with this process
        try:
            session, self._session = self._session, None
            if session is not None:
                session.close()
        finally:
            self._lock.release()

    def evaluate(self, code: str, bindings: Mapping[str, Any], control: Control, *, keep: bool) -> Evaluation:
        """Run code; never raises for what it does.

        Args:
            code: Lua.
            bindings: globals to set.
            control: ends it when the turn is cancelled.
            keep: whether globals are wanted back.
        """
        if len(code.encode("utf-8", "replace")) > _CODE_BYTES:
            text = f"the code is longer than {_CODE_BYTES} bytes and was not run; write less"
            return Evaluation(ok=False, bindings=dict(bindings), error=SandboxError(kind="too_large", text=text))
        give_up = time.monotonic() + _PATIENCE
        anew = False
        while True:
            found = self._try(code, bindings, control.cancelled, keep, anew)
            unavailable = found.error is not None and found.error.kind == "unavailable"
            if not unavailable or control.cancelled.is_set() or time.monotonic() >= give_up:
                return found
            anew = True
            control.cancelled.wait(_REST)

    def _try(
        self, code: str, bindings: Mapping[str, Any], cancel: threading.Event, keep: bool, anew: bool
    ) -> Evaluation:
        sandbox = self._sandbox(anew)
        if sandbox is None:
            return Evaluation(ok=False, bindings=dict(bindings), error=_NO_SANDBOX)
        self._left, self._called = self._seconds, False
        self._caller.cancel = cancel
        with self._lock:
            session = self._session = sandbox.session() if anew or self._session is None else self._session

            def run(source: str) -> Evaluation:
                return session.evaluate(
                    source, self._callbacks, limits=self._limits, bindings=bindings, globals_kept=keep, cancel=cancel
                )

            found = self._either(run, code)
            self._used = time.monotonic()
        if self._broken is not None:
            raise self._broken
        return found

    def _either(self, run: Callable[[str], Evaluation], code: str) -> Evaluation:
        """Run code as an expression, and as statements where it is none; what is no Lua has not run."""
        if _STATEMENT.match(code) is None:
            found = run(f"{self._prefix}return {code}")
            if found.error is None or found.error.kind != "syntax":
                return found
        return run(f"{self._prefix}{code}")

    # -- tools ----------------------------------------------------------------------------------

    def _call(self, tool: BoundTool | None, function: ToolFunction, *arguments: Any) -> Any:
        self._begin_tools()
        token = tool_configuration.set({} if tool is None else tool.config)
        try:
            if tool is not None and tool.waits:
                return function(arguments)
            return self._within_time(function, arguments)
        finally:
            tool_configuration.reset(token)

    def _begin_tools(self) -> None:
        if self._called:
            return
        self._called = True
        try:
            self._before_tools()
        except Exception as error:  # not the code's fault, which must not be what hears of it
            self._broken = error
            raise ToolError("nothing can be kept; the evaluation ends") from error

    def _within_time(self, function: ToolFunction, arguments: Sequence[Any]) -> Any:
        if self._left <= 0:
            raise ToolError(f"{function.name}: the tools of this code took {self._seconds:g} seconds already")
        began = time.monotonic()
        try:
            returned, found = self._caller.call(function, [arguments], self._left)
        except TimedOut:
            raise ToolError(f"{function.name} did not return within {self._left:.1f} seconds") from None
        except Cancelled:
            raise ToolError(f"{function.name}: cancelled") from None
        finally:
            self._left -= time.monotonic() - began
        if not returned:
            raise found
        return found


_NO_SANDBOX: Final = SandboxError(kind="unavailable", text="no sandbox could be had; nothing ran, try again later")


def _raising(functions: Mapping[str, Any]) -> str:
    """Return Lua that makes tools raise where they fail; put on the code's first line, whose lines stay what they are.

    The sandbox has a failed callback return nil and the reason, which code that does not look would take for a result.
    """
    if not functions:
        return ""
    plain = [name for name in functions if "." not in name]
    tables = sorted({name.partition(".")[0] for name in functions if "." in name})
    # ToolError is a name of ours that says nothing to the model: what follows begins with the tool's name.
    body = "local v, why = f(...) if why ~= nil then e(g(why, '^ToolError: ', ''), 0) end return v"
    wrap = f"local function w(f) return function(...) {body} end end"
    lines = [f"{name} = w({name})" for name in plain]
    lines += [f"for k, f in p({name}) do {name}[k] = w(f) end" for name in tables]
    return f"do local e, p, g = error, pairs, string.gsub {wrap} {' '.join(lines)} end "
