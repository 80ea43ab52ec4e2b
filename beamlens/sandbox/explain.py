"""Errors as sentences that a model can act on: the line, what went wrong, what to do instead."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from typing import Any, Final

from beamlens.sandbox.evaluation import ErrorKind, SandboxError
from beamlens.sandbox.limits import Limits

__all__ = ["explain", "failure"]

_LINE: Final = re.compile(r"^line:(\d+): ")
_LINES: Final = re.compile(r"\bline:(\d+):")
_NIL_NAME: Final = re.compile(r"a nil value \((?:global|field|method) '([A-Za-z_]\w*)'\)")
_BLOCKED: Final = frozenset(
    (
        *("io", "file", "os", "execute", "exit", "getenv", "remove", "rename", "tmpname", "popen", "print", "warn"),
        *("package", "load", "loadstring", "loadfile", "loadlib", "dofile", "require", "dump", "debug", "coroutine"),
        *("setmetatable", "getmetatable", "collectgarbage", "xpcall", "python", "setfenv", "getfenv", "unpack"),
    )
)
_INSTEAD: Final = {
    "print": "return the value instead",
    "unpack": "use table.unpack",
    "xpcall": "use pcall",
    "coroutine": "write a plain loop",
}
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

_TEXTS: Final[dict[str, tuple[ErrorKind, str]]] = {
    "instructions": (
        "instructions",
        "the code took more than {limits.instructions} instructions and was stopped; loop over less, or less often",
    ),
    "memory": (
        "memory",
        "the code took more than {limits.memory_bytes} bytes of memory; keep less at a time, or recurse less deeply",
    ),
    "result_too_large": (
        "too_large",
        "the result is larger than {limits.result_bytes} bytes; return a part of it or a summary",
    ),
    "result_too_deep": (
        "too_large",
        "the result is nested deeper than {limits.depth} levels; return something flatter",
    ),
    "result_cycle": ("runtime", "the result is a table that contains itself; return plain data"),
    "result_unfit": ("runtime", "the result is a function; call it, or return plain data"),
    "result_key": (
        "runtime",
        "the result has a key that is a table or a function; keys are text or numbers",
    ),
    "bindings_too_large": (
        "too_large",
        "the globals are larger than {limits.bindings_bytes} bytes and are not kept; set some of them to nil",
    ),
    "deadline": (
        "deadline",
        "the code did not end within {limits.wall_seconds:g} seconds and was killed; do less, or in smaller steps",
    ),
    "total": (
        "deadline",
        "the code and its callbacks did not end within {limits.total_seconds:g} seconds and were stopped; "
        "call fewer or quicker callbacks",
    ),
    "callback_flood": (
        "callback_flood",
        "the code called callbacks more than {limits.callback_calls} times and was stopped; call each once and keep "
        "what it returns",
    ),
    "killed": (
        "killed",
        "the process of the code died, most likely for want of memory; nothing of it is left, use less",
    ),
    "garbled": ("killed", "the process of the code sent what is no message and was killed"),
    "cancelled": ("cancelled", "the evaluation was cancelled and its process killed"),
    "code_too_large": ("too_large", "the code is longer than {limits.code_bytes} bytes and was not run; write less"),
    "given_too_large": (
        "too_large",
        "the bindings are larger than {limits.bindings_bytes} bytes, or too deep, and the code was not run",
    ),
    "not_text": ("refused", "the code is no text and was not run; give Lua source as a str"),
}


def failure(status: str, limits: Limits) -> SandboxError:
    """Return the error for a word that says what happened.

    Args:
        status: a key of the table here.
        limits: those that held.
    """
    kind, text = _TEXTS[status]
    return SandboxError(kind=kind, text=text.format(limits=limits))


def explain(status: str, value: Any, names: Iterable[str], limits: Limits) -> SandboxError:
    """Return the error for what a child said.

    Args:
        status: the prelude's word.
        value: the error value, as plain data; None where the word says all.
        names: of the callbacks there are.
        limits: those that held.
    """
    if status not in ("syntax", "runtime"):
        return failure(status, limits) if status in _TEXTS else failure("killed", limits)
    text, line = _located(_text_of(value))
    hint = _syntax_hint(text) if status == "syntax" else _runtime_hint(text, sorted(names))
    where = f"line {line}: " if line is not None else ""
    room = max(limits.error_chars - len(hint) - len(where), limits.error_chars // 2)
    if len(text) > room:
        text = text[: max(0, room - 1)] + "…"
    kind: ErrorKind = "syntax" if status == "syntax" else "runtime"
    return SandboxError(kind=kind, text=(where + text + hint)[: limits.error_chars], line=line)


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        return str(value["message"])
    if value is None:
        return "the code raised an error without a message (nil)"
    return json.dumps(value, ensure_ascii=False, default=str)


def _located(text: str) -> tuple[str, int | None]:
    text = _CONTROL.sub("\ufffd", text)
    found = _LINE.match(text)
    line = int(found.group(1)) if found and len(found.group(1)) < 10 else None
    rest = text[found.end() :] if found and line is not None else text
    return _LINES.sub(r"line \1:", rest), line


def _syntax_hint(text: str) -> str:
    if "near '='" in text or "<eof>" in text or "syntax error" in text or "unexpected symbol" in text:
        return "; this is Lua 5.4: end blocks with `end`, and give the result with `return <expression>` at the end"
    return ""


def _runtime_hint(text: str, names: list[str]) -> str:
    found = _NIL_NAME.search(text)
    if found is None:
        return ""
    name = found.group(1)
    functions = {full.rpartition(".")[2]: full for full in names}
    tools = {full.partition(".")[0]: full.partition(".")[0] for full in names if "." in full}
    near = difflib.get_close_matches(name, [*functions, *tools], 1, 0.75)
    if near:
        return f"; did you mean {functions.get(near[0]) or near[0]}?"
    if name in _BLOCKED:
        return f"; {name} is sandboxed, it does not exist here: {_INSTEAD.get(name, 'use the callbacks')}"
    return f"; there are these callbacks: {', '.join(names)}"[:400] if names else ""
