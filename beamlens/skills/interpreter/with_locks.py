"""Which locks a frame holds, and whether it waits for one, read off its bytecode. Pure.

A thread that waits in `with self.lock:` stands on the instruction that enters the block; a thread that holds it
stands inside the block; likewise between `self.lock.acquire()` and the last `release()` of the function. Which lock it
is, is named by the instructions before, so neither sources nor the values of local variables are needed: reading those
of a running frame would disturb the program that it belongs to.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any, Final

__all__ = ["Block", "called_name", "entering", "lock_blocks", "supported", "within"]

_ENTERS: Final = "BEFORE_WITH"
_LOADS: Final = ("LOAD_FAST", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FAST_CHECK")
_BORROWED: Final = "LOAD_FAST_BORROW"
_ATTRIBUTES: Final = ("LOAD_ATTR", "LOAD_METHOD")
_CALLS: Final = ("PRECALL", "CALL", "CALL_KW", "CALL_FUNCTION_EX")
_SKIPPED: Final = ("CACHE", "NOP", "PUSH_NULL", "EXTENDED_ARG", "RESUME", "COPY", "SWAP", "LOAD_SPECIAL")


@dataclass(frozen=True, slots=True)
class Block:
    """Describe one `with` statement of a function, or what is between `acquire` and `release`.

    Args:
        expression: which lock, such as `self._lock`; `?` where it is no plain name.
        enters: the offset of the instruction that takes the lock.
        first, last: offsets of the body; the last is outside.
    """

    expression: str
    enters: int
    first: int
    last: int


def supported() -> bool:
    """Say whether this Python's `with` statements can be read: up to 3.13 by one instruction, from 3.14 by its call."""
    return _ENTERS in dis.opmap or "LOAD_SPECIAL" in dis.opmap


@lru_cache(maxsize=2048)
def lock_blocks(code: CodeType) -> tuple[Block, ...]:
    """Return where a function takes what may be locks and lets go of them; not of the functions inside of it.

    Args:
        code: the function's.
    """
    instructions = _instructions(code)
    return (*_with_blocks(code, instructions), *_acquired_blocks(code, instructions))


@lru_cache(maxsize=256)
def _instructions(code: CodeType) -> tuple[dis.Instruction, ...]:
    return tuple(each for each in dis.get_instructions(code) if each.opname != "CACHE")


def _with_blocks(code: CodeType, instructions: tuple[dis.Instruction, ...]) -> Iterator[Block]:
    for at, instruction in enumerate(instructions[:-1]):
        if not _enters(instructions, at):
            continue
        first = instructions[at + 1].offset
        last = _end_of_protection(code, first)
        if last is not None:
            yield Block(_expression(instructions, at), instruction.offset, first, last)


def _acquired_blocks(code: CodeType, instructions: tuple[dis.Instruction, ...]) -> Iterator[Block]:
    released: dict[str, int] = {}
    for at, instruction in enumerate(instructions):
        if instruction.opname in _ATTRIBUTES and instruction.argval == "release":
            released[_expression(instructions, at)] = instruction.offset
    for at, instruction in enumerate(instructions[:-1]):
        name = _callee(instructions, at) if instruction.opname in _CALLS and "acquire" in code.co_names else None
        if name is None or not name.endswith(".acquire") or instruction.opname == "PRECALL":
            continue
        lock = name.removesuffix(".acquire")
        yield Block(lock, instruction.offset, instructions[at + 1].offset, released.get(lock, len(code.co_code)))


def _enters(instructions: Sequence[dis.Instruction], at: int) -> bool:
    name = instructions[at].opname
    if name == _ENTERS:
        return True
    before = instructions[at - 1] if at else None
    # From 3.14 on `__enter__` is loaded and called like any method.
    return name == "CALL" and before is not None and before.opname == "LOAD_SPECIAL" and "__enter__" in before.argrepr


def _end_of_protection(code: CodeType, offset: int) -> int | None:
    """Return where the block ends that is protected from `offset` on: the exception table says so."""
    ends = [entry.end for entry in _table(code) if entry.start <= offset < entry.end]
    return max(ends, default=None)


@lru_cache(maxsize=2048)
def _table(code: CodeType) -> tuple[Any, ...]:
    parse = getattr(dis, "_parse_exception_table", None)
    return tuple(parse(code)) if parse is not None else ()


def _expression(instructions: Sequence[dis.Instruction], at: int) -> str:
    """Return `self._lock` for what was loaded just before an instruction."""
    parts: list[str] = []
    for instruction in reversed(instructions[max(0, at - 12) : at]):
        name = instruction.opname
        if name in _ATTRIBUTES:
            parts.append(str(instruction.argval))
        elif _names(name):
            return ".".join([str(instruction.argval), *reversed(parts)])
        elif name not in _SKIPPED:
            break
    return "?"


def entering(frame: FrameType) -> Block | None:
    """Return the block that a frame is about to enter, if it stands there."""
    return _entered_at(frame.f_code, frame.f_lasti)


@lru_cache(maxsize=8192)
def _entered_at(code: CodeType, offset: int) -> Block | None:
    at = _at(code, offset)
    return next((block for block in lock_blocks(code) if at is not None and block.enters == at[1].offset), None)


def _at(code: CodeType, offset: int) -> tuple[int, dis.Instruction] | None:
    """Return the instruction at `f_lasti`, which points behind a call into its caches while Python code is called."""
    before = [(number, each) for number, each in enumerate(_instructions(code)) if each.offset <= offset]
    return before[-1] if before else None


def within(frame: FrameType) -> tuple[Block, ...]:
    """Return the blocks that a frame stands inside of."""
    return tuple(block for block in lock_blocks(frame.f_code) if block.first <= frame.f_lasti < block.last)


@lru_cache(maxsize=8192)
def called_name(code: CodeType, offset: int) -> str | None:
    """Return the dotted name of what a function calls at an offset, such as `self._lock.acquire`.

    It is None where no call stands there, or arguments are computed in branches, so that the name cannot be told.

    Args:
        code: the function's.
        offset: `f_lasti`.
    """
    instructions = _instructions(code)
    found = _at(code, offset)
    if found is None or found[1].opname not in _CALLS:
        return None
    return _callee(instructions, found[0])


def _callee(instructions: Sequence[dis.Instruction], at: int) -> str | None:
    # Walk back until all that the call takes was pushed: the arguments, and below them the callable in two places.
    wanted = _taken(instructions[at])
    start = at - 1 if instructions[at - 1].opname != "PRECALL" else at - 2
    for number in range(start, max(-1, at - 80), -1):
        instruction = instructions[number]
        if "JUMP" in instruction.opname:
            return None
        if wanted <= 2 and _names(instruction.opname):
            return _expression(instructions, number + 1)
        wanted -= dis.stack_effect(instruction.opcode, instruction.arg)
        if wanted <= 0:
            return None
    return None


def _taken(call: dis.Instruction) -> int:
    """Return how many values a call takes off the stack."""
    if call.opname == "CALL_FUNCTION_EX":
        return 3 + (int(call.arg or 0) & 1)
    return int(call.arg or 0) + (3 if call.opname == "CALL_KW" else 2)


def _names(name: str) -> bool:
    return name in _ATTRIBUTES or name in _LOADS or name.startswith(_BORROWED)
