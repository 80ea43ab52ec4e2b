"""What a script may say: its steps as plain data, checked before it is used and filled in when a step's turn comes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from beamlens.errors import ConfigurationError
from beamlens.llm.model import FailureKind, ModelRequest

__all__ = ["POSITIONS", "STEP_FIELDS", "Unknown", "check_script", "filled", "step_of"]

POSITIONS = ("calls", "turns")
STEP_FIELDS = (
    "arguments", "calls", "delay", "failure", "model", "repeat", "retry_after", "retryable", "status",
    "stop_reason", "text", "tool", "usage",
)  # fmt: skip
_KINDS = get_args(FailureKind)


class Unknown(Exception):
    """A placeholder names something that is not there (yet)."""


# ---------------------------------------------------------------------------------------------- steps


def step_of(step: Any) -> dict[str, Any]:
    """Return a step in its long form.

    Args:
        step: a text; a pair (tool, arguments); or a mapping with some of `STEP_FIELDS`.

    Raises:
        ConfigurationError: it is none of these.
    """
    if isinstance(step, str):
        return {"text": step}
    if isinstance(step, list | tuple) and 1 <= len(step) <= 2 and isinstance(step[0], str):
        return _known({"tool": step[0], "arguments": step[1] if len(step) == 2 else {}})
    if isinstance(step, Mapping):
        return _known(dict(step))
    raise ConfigurationError(
        f"a step of the script is {step!r}; a text, a pair (tool, arguments) or a mapping with "
        f"{', '.join(STEP_FIELDS)} is expected"
    )


def check_script(where: str, script: Any) -> None:
    """Check a script given as plain data.

    Args:
        where: names it in the text of errors.
        script: a list of steps, or a mapping from callers to such lists, or to `{"steps": [...], "position": ...}`.

    Raises:
        ConfigurationError: what is wrong, and where.
    """
    scripts = script if isinstance(script, Mapping) else {"*": script}
    if not scripts:
        raise ConfigurationError(
            f"{where} is empty; a list of steps, or a mapping of callers to such lists is expected"
        )
    for caller, steps in scripts.items():
        if isinstance(steps, Mapping):
            if not set(steps) <= {"steps", "position"} or steps.get("position", "calls") not in POSITIONS:
                raise ConfigurationError(
                    f"{where}[{caller!r}] is {steps!r}; 'steps' and 'position' ({' or '.join(POSITIONS)}) are expected"
                )
            steps = steps.get("steps", ())
        if not isinstance(steps, list | tuple):
            raise ConfigurationError(f"{where}[{caller!r}] is of the type {type(steps).__name__}; a list is expected")
        for number, step in enumerate(steps, 1):
            try:
                step_of(step)
            except ConfigurationError as error:
                raise ConfigurationError(f"{where}[{caller!r}], step {number}: {error}") from None


def _known(step: dict[str, Any]) -> dict[str, Any]:
    unknown = set(step) - set(STEP_FIELDS)
    if unknown:
        raise ConfigurationError(f"a step has {', '.join(sorted(unknown))}; known are: {', '.join(STEP_FIELDS)}")
    if not step:
        raise ConfigurationError("a step says nothing; give it a tool, a text or a failure")
    if "tool" in step and not isinstance(step["tool"], str):
        raise ConfigurationError(f"a step's tool is {step['tool']!r}; a name is expected")
    if "failure" in step and step["failure"] not in _KINDS:
        raise ConfigurationError(f"a step's failure is {step['failure']!r}; one of {', '.join(_KINDS)} is expected")
    if not isinstance(step.get("arguments", {}), Mapping):
        raise ConfigurationError(f"a step's arguments are {step['arguments']!r}; a mapping is expected")
    if not _is_repeat(step.get("repeat", 1)):
        raise ConfigurationError(f"a step's repeat is {step['repeat']!r}; a number above 0 or 'forever' is expected")
    for name in ("delay", "retry_after"):
        if name in step and (not isinstance(step[name], int | float) or not 0 <= step[name] < float("inf")):
            raise ConfigurationError(f"a step's {name} is {step[name]!r}; seconds are expected")
    return step


def _is_repeat(value: Any) -> bool:
    return value == "forever" or (isinstance(value, int) and not isinstance(value, bool) and value > 0)


# ---------------------------------------------------------------------------------------------- placeholders


def filled(value: Any, request: ModelRequest) -> Any:
    """Return `value` with its placeholders replaced by what the request tells.

    A placeholder is a mapping with one key: `{"$last_snapshot_id": true}`, `{"$first_snapshot_id": true}`,
    `{"$snapshot_ids": true}` (or a number: the last so many), `{"$notification_ids": true}` (or a status),
    `{"$observations": true}`, `{"$fact": "snapshots.-1.data.rss"}` (a path into the request's facts),
    `{"$result": "id"}` (a path into the last tool result), `{"$text": ["up by ", {"$fact": ...}]}` (joined).

    Raises:
        Unknown: what it names is not there.
        ConfigurationError: there is no placeholder of that name.
    """
    if isinstance(value, Mapping):
        if len(value) == 1:
            ((name, argument),) = value.items()
            if isinstance(name, str) and name.startswith("$"):
                return _placeholder(name, argument, request)
        return {key: filled(inner, request) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [filled(inner, request) for inner in value]
    return value


def _placeholder(name: str, argument: Any, request: ModelRequest) -> Any:
    found = _PLACEHOLDERS.get(name)
    if found is None:
        raise ConfigurationError(f"there is no placeholder {name!r}; there are: {', '.join(_PLACEHOLDERS)}")
    return found(argument, request)


def _snapshot_ids(argument: Any, request: ModelRequest) -> list[str]:
    ids = [str(snapshot["id"]) for snapshot in request.facts.get("snapshots", ())] or _snapshots_taken(request)
    if not ids:
        raise Unknown("no snapshot was taken yet")
    return ids if argument is True else ids[-int(argument) :]


def _snapshots_taken(request: ModelRequest) -> list[str]:
    """Read the ids out of the conversation, for callers that tell no facts."""
    taken = {m.call.id for m in request.messages if m.call is not None and m.call.name == "take_snapshot"}
    results = [_json(m.text) for m in request.messages if m.answers in taken and not m.is_error]
    return [str(result["id"]) for result in results if isinstance(result, dict) and "id" in result]


def _inbox(argument: Any, request: ModelRequest) -> list[dict[str, Any]]:
    entries = list(request.facts.get("inbox") or request.facts.get("notifications") or ())
    return [entry for entry in entries if argument is True or entry.get("status") == argument]


def _notification_ids(argument: Any, request: ModelRequest) -> list[str]:
    return [str(entry["id"]) for entry in _inbox(argument, request)]


def _observations(argument: Any, request: ModelRequest) -> list[str]:
    return [str(entry["observation"]) for entry in _inbox(argument, request)]


def _fact(argument: Any, request: ModelRequest) -> Any:
    return _walk(request.facts, str(argument), "the request's facts")


def _result(argument: Any, request: ModelRequest) -> Any:
    results = [message.text for message in request.messages if message.answers is not None]
    if not results:
        raise Unknown("no tool was called yet")
    if argument is True:
        return results[-1]
    return _walk(_json(results[-1]), str(argument), "the last tool result")


def _text(argument: Any, request: ModelRequest) -> str:
    parts = filled(argument if isinstance(argument, list | tuple) else [argument], request)
    return "".join(part if isinstance(part, str) else json.dumps(part) for part in parts)


def _walk(data: Any, path: str, where: str) -> Any:
    for part in path.split("."):
        try:
            data = data[int(part)] if isinstance(data, Sequence) and not isinstance(data, str) else data[part]
        except (LookupError, TypeError, ValueError):
            raise Unknown(f"{where} have no {path!r} (stopped at {part!r})") from None
    return data


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


_PLACEHOLDERS: dict[str, Callable[[Any, ModelRequest], Any]] = {
    "$last_snapshot_id": lambda _, request: _snapshot_ids(True, request)[-1],
    "$first_snapshot_id": lambda _, request: _snapshot_ids(True, request)[0],
    "$snapshot_ids": _snapshot_ids,
    "$notification_ids": _notification_ids,
    "$observations": _observations,
    "$fact": _fact,
    "$result": _result,
    "$text": _text,
}
