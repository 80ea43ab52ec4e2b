"""Several evaluations in one child: quick, each in a Lua state of its own."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

import msgpack

from beamlens.errors import ConfigurationError
from beamlens.sandbox.callbacks import Callback, CallbackTable, Cancelled
from beamlens.sandbox.caller import ThreadCaller
from beamlens.sandbox.clock import Clock, Expired
from beamlens.sandbox.evaluation import Evaluation, SandboxError
from beamlens.sandbox.explain import explain, failure
from beamlens.sandbox.frames import CALL, DONE, EVALUATE, REPLY
from beamlens.sandbox.inbox import FrameError
from beamlens.sandbox.launch import Child, SpawnError, spawn
from beamlens.sandbox.limits import Limits
from beamlens.sandbox.plain import NotPlain, is_plain, to_plain

__all__ = ["Session"]

_EVALUATIONS_PER_CHILD: Final = 250
_GRACE_SECONDS: Final = 1.0  # the child's own clock ends it that much later than the host's, should the host not
_ROOM: Final = 64 * 1024


class _Failed(Exception):
    """End an evaluation with an error."""

    def __init__(self, error: SandboxError) -> None:
        super().__init__(error.text)
        self.error = error


class Session:
    """Evaluate in one child, which is replaced when it was hurt or has served long enough.

    Made by `Sandbox.session`. For one thread at a time; close it, or use it in a `with` block. Code that
    breaks out of Lua could lie about later evaluations of the same session, and about nothing else: use one
    session for one author.
    """

    def __init__(self, address: str, limits: Limits, *, allow_reduced: bool) -> None:
        self._address = address
        self._limits = limits
        self._allow_reduced = allow_reduced
        self._child: Child | None = None
        self._served = 0
        self._memory = 0
        self._caller = ThreadCaller()
        self._busy = threading.Lock()
        self._table: tuple[Mapping[str, Callback], CallbackTable] | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the child; None while there is none."""
        return None if self._child is None else self._child.pid

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the child. The session may be used again, with another."""
        self._caller.close()
        if self._child is not None:
            self._child.close()
            self._child = None

    def start(self) -> None:
        """Have a child ready before it is needed; evaluate does it otherwise.

        Raises:
            SpawnError: there is none; the text says why.
        """
        if self._child is None:
            self._begin(self._limits)

    def evaluate(
        self,
        code: str,
        callbacks: Mapping[str, Callback] | None = None,
        *,
        limits: Limits | None = None,
        bindings: Mapping[str, object] | None = None,
        globals_kept: bool = False,
        cancel: threading.Event | None = None,
    ) -> Evaluation:
        """Run one program in a fresh Lua state; as `Sandbox.evaluate`.

        Raises:
            ConfigurationError: a callback's name cannot be one; the session is in use by another thread.
        """
        if bindings is not None and not isinstance(bindings, Mapping):
            raise ConfigurationError(f"bindings are a dict of globals by name, not a {type(bindings).__name__}")
        if not self._busy.acquire(blocking=False):
            raise ConfigurationError("a session serves one thread at a time; have one for each")
        try:
            return self._evaluate(code, callbacks or {}, limits or self._limits, bindings or {}, globals_kept, cancel)
        finally:
            self._busy.release()

    # -- one evaluation ------------------------------------------------------------------------------

    def _evaluate(
        self,
        code: str,
        callbacks: Mapping[str, Callback],
        limits: Limits,
        bindings: Mapping[str, object],
        globals_kept: bool,
        cancel: threading.Event | None,
    ) -> Evaluation:
        table = self._table_of(callbacks)
        begun = time.monotonic()
        clock = Clock(limits, cancel)
        value: Any = None
        kept = dict(bindings)
        error = None
        try:
            body, kept = _packed_program(code, table, limits, bindings, globals_kept)
            self._ensure_child(limits)
            value, found = self._converse(body, table, limits, clock)
            kept = found if globals_kept else kept
        except _Failed as failed:
            error = failed.error
        except BaseException:  # Ctrl-C in the middle: nobody knows what the child is at
            self._kill()
            raise
        return Evaluation(
            ok=error is None,
            value=value,
            bindings=kept,
            error=error,
            seconds=time.monotonic() - begun,
            callback_calls=clock.calls,
        )

    def _table_of(self, callbacks: Mapping[str, Callback]) -> CallbackTable:
        if self._table is None or self._table[0] != callbacks:
            self._table = (dict(callbacks), CallbackTable(callbacks))
        return self._table[1]

    def _converse(self, body: bytes, table: CallbackTable, limits: Limits, clock: Clock) -> tuple[Any, dict[str, Any]]:
        child = self._child
        assert child is not None
        child.inbox.most_bytes = limits.result_bytes + limits.bindings_bytes + limits.argument_bytes + _ROOM
        self._caller.cancel = clock.cancel
        clock.begin()
        try:
            child.send(EVALUATE, body)
            while True:
                tag, content = child.inbox.take(clock.left)
                if tag == DONE and child.inbox.is_empty:
                    return self._finish(content, table, limits)
                if tag != CALL or not child.inbox.is_empty:
                    raise FrameError(f"a frame {tag!r} came where none was expected")
                clock.count_call()
                child.send(REPLY, self._answer(content, table, limits, clock))
        except Expired as expired:
            self._kill()
            raise _Failed(failure(expired.status, limits)) from None
        except Cancelled:
            self._kill()
            raise _Failed(failure("cancelled", limits)) from None
        except (FrameError, OSError):
            self._kill()
            raise _Failed(failure("deadline" if clock.is_late() else "killed", limits)) from None

    def _answer(self, content: bytes, table: CallbackTable, limits: Limits, clock: Clock) -> bytes:
        call = _unpacked(content)
        if not isinstance(call, list) or len(call) != 2 or not is_plain(call, limits.depth + 3):
            raise FrameError("a call of a callback is not [name, arguments]")
        with clock.in_callback():
            return table.answer(
                call[0],
                call[1],
                self._caller,
                clock.callback_seconds(),
                limits.callback_result_bytes,
                limits.depth,
            )

    def _finish(self, content: bytes, table: CallbackTable, limits: Limits) -> tuple[Any, dict[str, Any]]:
        self._served += 1
        try:
            status, value, kept = msgpack.unpackb(content)
            status, value = status.decode(), _unpacked(value)
            found = _unpacked(kept) if kept is not None and status == "ok" else {}
        except (ValueError, TypeError, AttributeError, msgpack.UnpackException) as error:
            raise FrameError(f"the end of an evaluation cannot be read: {error}") from error
        if (
            not is_plain(value, limits.depth + 2)
            or not isinstance(found, dict)
            or not is_plain(found, limits.depth + 2)
        ):
            raise FrameError("the end of an evaluation is no plain data")
        if status == "ok":
            return value, found
        if status in ("memory", "failed"):
            self._kill()  # its memory limit was reached somewhere in the middle; a fresh one is sound
        raise _Failed(explain("memory" if status == "failed" else status, value, table, limits))

    # -- the child -----------------------------------------------------------------------------------

    def _ensure_child(self, limits: Limits) -> None:
        if self._child is not None and not self._is_fit(self._child, limits):
            self._kill()
        if self._child is None:
            try:
                self._begin(limits)
            except SpawnError as error:
                raise _Failed(_no_child(error)) from error

    def _is_fit(self, child: Child, limits: Limits) -> bool:
        """Tell whether a child may serve once more; one may have died meanwhile, with its server or of age."""
        return self._served < _EVALUATIONS_PER_CHILD and limits.memory_bytes <= self._memory and child.is_idle()

    def _begin(self, limits: Limits) -> None:
        self._memory = max(limits.memory_bytes, self._limits.memory_bytes)
        seconds = max(limits.wall_seconds, self._limits.wall_seconds) + _GRACE_SECONDS
        cpu_seconds = math.ceil(seconds * _EVALUATIONS_PER_CHILD)
        self._child = spawn(self._address, self._memory, min(cpu_seconds, 1 << 30), allow_reduced=self._allow_reduced)
        self._served = 0

    def _kill(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            with contextlib.suppress(OSError):
                child.kill()


def _no_child(error: SpawnError) -> SandboxError:
    if error.refused:
        return SandboxError(kind="refused", text=f"Lua is not run on this machine: {error}")
    return SandboxError(kind="unavailable", text=f"no sandbox could be had, nothing ran; try again later ({error})")


def _packed_program(
    code: str, table: CallbackTable, limits: Limits, bindings: Mapping[str, object], globals_kept: bool
) -> tuple[bytes, dict[str, Any]]:
    if not isinstance(code, str):
        raise _Failed(failure("not_text", limits))
    source = code.encode("utf-8", "surrogatepass")
    if len(source) > limits.code_bytes:
        raise _Failed(failure("code_too_large", limits))
    try:
        given = to_plain(bindings, limits.bindings_bytes, limits.depth + 1)
    except NotPlain as error:
        text = failure("given_too_large", limits).text
        raise _Failed(SandboxError(kind="too_large", text=f"{text} ({error})")) from error
    body = msgpack.packb(
        [
            limits.wall_seconds + _GRACE_SECONDS,
            limits.memory_bytes,
            source,
            table.packed_names,
            msgpack.packb(given) if given else None,
            limits.instructions,
            limits.argument_bytes,
            limits.result_bytes,
            limits.error_chars * 4,
            limits.bindings_bytes,
            limits.depth,
            globals_kept,
        ]
    )
    return body, given


def _unpacked(data: bytes) -> Any:
    """Unpack what a child packed: text that is no UTF-8 is mended, and what msgpack knows beyond JSON is not plain."""
    try:
        return msgpack.unpackb(data, unicode_errors="replace")
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise FrameError(f"the sandbox process sent what is no msgpack: {error}") from error
