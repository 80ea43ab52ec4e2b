"""One Lua state that runs one program: allow-listed globals, a memory limit, an instruction budget.

Everything that crosses is bytes: the prelude packs and unpacks inside Lua. The only object of Python in
the state is the function that asks the host, and user code cannot reach it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import lupa.lua54 as lua

__all__ = ["Interpreter", "Outcome", "Program", "compiled"]

Ask = Callable[[bytes], bytes]


class Program(NamedTuple):
    """Hold what is to be run, in the order in which the host sends it.

    Args:
        memory_bytes: what the state may use beside its own libraries.
        code: Lua source.
        names: names of callbacks, a packed list; None for none.
        bindings: globals to set, a packed map; None for none.
        instructions: that may be taken.
        argument_bytes: of one call of a callback.
        result_bytes: of the result.
        error_bytes: of an error's text.
        bindings_bytes: of the globals that are kept.
        depth: of tables in any of these.
        globals_kept: whether the globals are wanted back.
    """

    memory_bytes: int
    code: bytes
    names: bytes | None
    bindings: bytes | None
    instructions: int
    argument_bytes: int
    result_bytes: int
    error_bytes: int
    bindings_bytes: int
    depth: int
    globals_kept: bool


class Outcome(NamedTuple):
    """Hold what came of it: a word, one packed value, the packed globals where they were wanted."""

    status: bytes
    value: bytes
    bindings: bytes | None


class Interpreter:
    """Make a state; use it once.

    Args:
        prelude: what `compiled` returned.
        ask: takes a packed call and returns a packed answer; must not raise.
    """

    def __init__(self, prelude: bytes, ask: Ask) -> None:
        self._runtime: Any = _new_runtime()
        self._run: Any = self._runtime.execute(prelude, ask, name=b"prelude", mode=b"b")

    def run(self, program: Program) -> Outcome:
        """Run one program; never raises for what user code does."""
        self._runtime.set_max_memory(program.memory_bytes)
        seed = int.from_bytes(os.urandom(7), "little")
        try:
            found = self._run(*program[1:], seed)
        except lua.LuaMemoryError:
            return Outcome(b"memory", b"\xc0", None)
        except lua.LuaError as error:
            return Outcome(b"failed", b"\xc0", str(error).encode()[:200])
        return Outcome(*found) if len(found) == 3 else Outcome(found[0], found[1], None)


def compiled(prelude: bytes) -> bytes:
    """Return the prelude as bytecode, which each state then loads in a fraction of the time."""
    script = b"return string.dump(assert(load(..., '=prelude', 't')), true)"
    bytecode: bytes = _new_runtime().execute(script, prelude)
    return bytecode


def _new_runtime() -> Any:
    return lua.LuaRuntime(
        encoding=None,
        register_eval=False,
        register_builtins=False,
        unpack_returned_tuples=True,
        attribute_filter=_deny,
        max_memory=1 << 30,  # replaced before user code runs; None could not be
    )


def _deny(_object: object, name: object, _is_setting: bool) -> object:
    raise AttributeError(f"no attribute of a host object can be reached: {name!r}")
