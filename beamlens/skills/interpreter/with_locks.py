"""Which `with` statements a frame stands in, and whether it waits to enter one, read off its bytecode. Pure.

A thread that waits in `with self.lock:` stands on the instruction that enters the block; a thread that holds it
stands inside the block. What the statement is about is named by the instructions before it, so neither sources nor the
values of local variables are needed: reading those of a running frame would disturb the program that it belongs to.
"""

from __future__ import annotations

import dis
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any, Final

__all__ = ["Block", "called_name", "entering", "supported", "with_blocks", "within"]

_ENTERS: Final = "BEFORE_WITH"
_LOADS: Final = ("LOAD_FAST", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FAST_CHECK")
_BORROWED: Final = "LOAD_FAST_BORROW"
_ATTRIBUTES: Final = ("LOAD_ATTR", "LOAD_METHOD")
_CALLS: Final = ("PRECALL", "CALL", "CALL_KW", "CALL_FUNCTION_EX")
_SKIPPED: Final = ("CACHE", "NOP", "PUSH_NULL", "EXTENDED_ARG", "RESUME", "COPY", "SWAP", "LOAD_SPECIAL")


@dataclass(frozen=True, slots=True)
class Block:
    """Describe one `with` statement of a function.

    Args:
        expression: what it is about, such as `self._lock`; `?` where it is no plain name.
        enters: the offset of the instruction that enters it.
        first, last: offsets of the body; the last is outside.
        line: of the statement.
    """

    expression: str
    enters: int
    first: int
    last: int
    line: int


def supported() -> bool:
    """Say whether this Python's `with` statements can be read: up to 3.13 by one instruction, from 3.14 by its call."""
    return _ENTERS in dis.opmap or "LOAD_SPECIAL" in dis.opmap


@lru_cache(maxsize=2048)
def with_blocks(code: CodeType) -> tuple[Block, ...]:
    """Return the `with` statements of a function, not of those inside of it.

    Args:
        code: the function's.
    """
    instructions = [each for each in dis.get_instructions(code) if each.opname != "CACHE"]
    lines = list(code.co_lines())
    blocks = []
    for at, instruction in enumerate(instructions):
        if not _enters(instructions, at):
            continue
        first = instructions[at + 1].offset if at + 1 < len(instructions) else instruction.offset + 2
        last = _end_of_protection(code, first)
        if last is not None:
            blocks.append(Block(_expression(instructions, at), instruction.offset, first, last, _line(lines, first - 2)))
    return tuple(blocks)


def _enters(instructions: list[dis.Instruction], at: int) -> bool:
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


def _line(lines: list[tuple[int, int, int | None]], offset: int) -> int:
    return next((line for start, end, line in lines if start <= offset < end and line is not None), 0)


def _expression(instructions: list[dis.Instruction], at: int) -> str:
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
    """Return the `with` block that a frame is about to enter, if it stands there."""
    return next((block for block in with_blocks(frame.f_code) if block.enters == frame.f_lasti), None)


def within(frame: FrameType) -> tuple[Block, ...]:
    """Return the `with` blocks that a frame stands inside of."""
    return tuple(block for block in with_blocks(frame.f_code) if block.first <= frame.f_lasti < block.last)


@lru_cache(maxsize=8192)
def called_name(code: CodeType, offset: int) -> str | None:
    """Return the dotted name of what a function calls at an offset, such as `self._lock.acquire`.

    It is None where no call stands there, or arguments are computed in branches, so that the name cannot be told.

    Args:
        code: the function's.
        offset: `f_lasti`.
    """
    instructions = [each for each in dis.get_instructions(code) if each.opname != "CACHE"]
    at = next((number for number, each in enumerate(instructions) if each.offset == offset), None)
    if at is None or instructions[at].opname not in _CALLS:
        return None
    return _callee(instructions, at)


def _callee(instructions: list[dis.Instruction], at: int) -> str | None:
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
