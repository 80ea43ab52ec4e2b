"""Looking closer: the Lua of a check's drill, and what past drills of a conversation gave.

A drill's last line is a comment that says which check and item it was for; so it is found again in the conversation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from beamlens.llm.rules.conditions import matches
from beamlens.llm.rules.conversation import Exchange, read_json
from beamlens.llm.rules.findings import Finding
from beamlens.llm.rules.moments import Moment
from beamlens.llm.rules.words import clean, shorten
from beamlens.skills.checks import Check

__all__ = ["Drilled", "drill_code", "drilled", "evidence_of", "problem_of"]

_MARK = "-- check "
_READS_CHECK = re.compile(r"\bcheck\s*[.\[]")
_WRAPPERS = ("result", "value")
_NOTHING = ("", "null", "[]", "{}")
_CUT_OFF = {"truncated", "text"}  # the fields of a result that was too long to be told whole


@dataclass(frozen=True, slots=True)
class Drilled:
    """What the drills of one finding gave.

    Args:
        attempts: how many there were.
        place: of the last one in the conversation.
        data: what it returned; None where it failed.
        problem: why it failed.
        confirmed: whether the check's `confirm` holds on `data`.
    """

    attempts: int = 0
    place: int = -1
    data: Mapping[str, object] | None = None
    problem: str = ""
    confirmed: bool = False


def drill_code(finding: Finding) -> str:
    """Return the Lua of the finding's drill; `check` is set where the drill reads it."""
    lua = finding.check.drill or ""
    match = finding.match
    if _READS_CHECK.search(lua):
        fields = {
            "key": match.key,
            "path": match.path,
            "value": match.value,
            "first": match.first,
            "last": match.last,
        }
        given = ", ".join(f"{name} = {_literal(value)}" for name, value in fields.items())
        lua = f"local check = {{{given}}}; {lua}"
    return f"{lua.rstrip()}\n{_mark(finding)}"


def drilled(finding: Finding, past: Sequence[Exchange], since: int = 0) -> Drilled:
    """Return what the drills of a finding gave, from place `since` of the conversation on."""
    mark = _mark(finding)
    places = [
        place
        for place, exchange in enumerate(past)
        if place >= since and exchange.call.name == "execute" and _last_line(exchange.call.arguments) == mark
    ]
    if not places:
        return Drilled()
    last = past[places[-1]]
    data = evidence_of(last)
    if data is None:
        return Drilled(len(places), places[-1], problem=problem_of(last))
    return Drilled(len(places), places[-1], data, confirmed=_confirms(finding.check, data))


def evidence_of(exchange: Exchange) -> Mapping[str, object] | None:
    """Return a drill's result as a table; None where it failed or gave nothing.

    A result that is no table is put under `value`; one that came wrapped is opened.
    """
    result = read_json(exchange.text or "") if exchange.succeeded else None
    if (
        result is None
        or result in ([], {})
        or _raised(result)
        or (isinstance(result, dict) and set(result) == _CUT_OFF)
    ):
        return None
    if not isinstance(result, dict):
        return {"value": result}
    for wrapper in _WRAPPERS:
        inner = result.get(wrapper)
        if isinstance(inner, dict):
            return {**inner, **result}
    return result


def _raised(result: object) -> bool:
    """Tell whether a function that the drill returned the result of failed: Lua gets nil and the error's text."""
    return isinstance(result, list) and len(result) == 2 and result[0] is None and isinstance(result[1], str)


def _confirms(check: Check, data: Mapping[str, object]) -> bool:
    if check.confirm is None:
        return True
    # Paths begin at the result; at `drill` they may too, as those of templates do.
    return bool(matches(check.confirm, [Moment("drill", None, {"drill": dict(data), **data})]))


def problem_of(exchange: Exchange) -> str:
    """Return why a tool failed, in its own words."""
    if exchange.text is None:
        return "no result came"
    result = read_json(exchange.text)
    if isinstance(result, list) and _raised(result):
        return shorten(clean(str(result[1])), 200)
    if exchange.text.strip() in _NOTHING:
        return "it gave nothing"
    told = result.get("error", result.get("truncated")) if isinstance(result, dict) else None
    if isinstance(told, dict):
        told = told.get("text") or told.get("message") or told
    return shorten(clean(str(told or exchange.text)), 200)


def _mark(finding: Finding) -> str:
    return _MARK + json.dumps([finding.check.name, finding.match.key])


def _last_line(arguments: Mapping[str, object]) -> str:
    code = arguments.get("code")
    return code.rpartition("\n")[2] if isinstance(code, str) else ""


def _literal(value: object) -> str:
    """Return plain data as a Lua literal; texts in decimal escapes, so that nothing in them is code."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value) if abs(value) < 1e308 else "nil"
    if isinstance(value, str):
        return '"' + "".join(_escaped(byte) for byte in value[:1000].encode("utf-8", "replace")) + '"'
    return "nil"


def _escaped(byte: int) -> str:
    plain = 32 <= byte < 127 and byte not in b'"\\'
    return chr(byte) if plain else f"\\{byte:03d}"
