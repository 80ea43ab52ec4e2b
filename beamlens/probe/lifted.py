"""What a skill declares for its own process, said of each of several: checks, and the documentation for a model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from beamlens.probe.messages import CALLBACK_DOCS, CHECKS, DESCRIBE, SkillFacts
from beamlens.skills.checks import Check, Condition, Pattern, Rate, Threshold, Trend

__all__ = ["NODES_DOCS", "SILENT_CHECK", "lifted_check", "lifted_value"]

_PREFIX: Final = "nodes.*.snapshot."
_FIELD: Final = re.compile(r"\{([A-Za-z_][^{}:\n]{0,200})((?::\.\df)?)\}")  # as templates have it
_OWN: Final = frozenset({"value", "first", "last", "seconds", "rate", "path", "change", "per_work", "drill"})
_OTHER: Final = {"key": "inner_key"}  # the item's key without the node in front of it
_WHERE: Final = "On node {nodes.*.name} ({holds_for} of {node_count}): "
# The node is the first part of the key; the path is `nodes.NODE.snapshot.` and the rest. One line: errors name lines.
_AT_NODE: Final = (
    'local node_of_check, key_of_check = check.key:match("^([^/]*)/?(.*)$"); use_node(node_of_check); '
    "check.key = key_of_check; check.path = check.path:sub(#node_of_check + 17); "
)

SILENT_CHECK: Final = Check(
    name="node_silent",
    when=Threshold("silent.*.seconds", ">=", 3.0),
    severity="critical",
    observation="Node {key} (pid {silent.*.pid}) has not answered for {value:.0f} s ({silent.#} of {node_count}).",
    hypothesis="Its process is stopped or starved, or one of its threads does not let go of the interpreter lock.",
    cause="node_silent",
    entities=("{key}",),
    remedy="Look at that process from outside; a worker that does not come back has to be replaced.",
)
"""Declared beside the checks of one of the skills: each would find the same."""

NODES_DOCS: Final = """\
### Several processes
The program runs in several processes, called nodes. A snapshot is of all of them: `nodes` has `name`, `pid` and
`snapshot` of each that answered, `sum` what may be added up over all of them, by path, `silent` those that did not
answer in time and for how many seconds, `failed` those that could not say, `node_count` how many there are. A node
that differs from the others is worth a closer look. Functions answer for one node: that of this operator's own tree,
unless `use_node` was called before in the same code.

### nodes()
A list of all nodes: `name`, `pid`, `own`, `silent_seconds` (0 where it answers).

### use_node(name)
From here to the end of this code, functions answer for the node of this name; without a name, for the own one again.

```lua
local found = {}
for _, node in ipairs(nodes()) do
  use_node(node.name)
  found[node.name] = get_node_info().uptime_seconds
end
return found
```"""


def lifted_value(name: str, value: Any, *, silence: bool = False) -> Any:
    """Return what a skill says of itself as it is said of several processes; anything else as it is.

    Args:
        name: of the call.
        value: its answer.
        silence: whether this skill watches for nodes that do not answer.
    """
    if name == DESCRIBE and isinstance(value, SkillFacts):
        return replace(value, checks=_checks(value.checks, silence), docs=_docs(value.docs))
    if name == CHECKS:
        return _checks(value, silence)
    return _docs(value) if name == CALLBACK_DOCS else value


def _checks(given: Iterable[Check], silence: bool) -> tuple[Check, ...]:
    return (*map(lifted_check, given), *([SILENT_CHECK] if silence else []))


def _docs(text: str) -> str:
    return f"{text.rstrip()}\n\n{NODES_DOCS}\n"


def lifted_check(check: Check) -> Check:
    """Return the check for snapshots of several nodes: judged for each, and told with the node's name."""
    known = _OWN | set(_groups((check.when, *check.also)))

    def lift(text: str) -> str:
        return _FIELD.sub(lambda field: _lifted_field(field, known), text)

    return replace(
        check,
        when=_lifted(check.when),
        also=tuple(map(_lifted, check.also)),
        observation=_WHERE + lift(check.observation),
        context=lift(check.context),
        hypothesis=None if check.hypothesis is None else lift(check.hypothesis),
        drill=None if check.drill is None else _AT_NODE + check.drill,
        entities=(*map(lift, check.entities), "{nodes.*.name}"),
        remedy=None if check.remedy is None else lift(check.remedy),
    )


def _lifted(condition: Condition) -> Condition:
    changed: dict[str, Any] = {"path": _PREFIX + condition.path}
    match condition:
        case Threshold(value={"path": str(other), **more}):
            changed["value"] = {"path": _PREFIX + other, **more}
        case Trend(per=str(other)):
            changed["per"] = _PREFIX + other
        case Rate(of=str(other)):
            changed["of"] = _PREFIX + other
    return replace(condition, **changed)


def _lifted_field(field: re.Match[str], known: set[str] | frozenset[str]) -> str:
    name = field[1].strip()
    if name in _OTHER:
        return f"{{{_OTHER[name]}{field[2]}}}"
    if name in known or name.startswith("drill."):
        return field[0]
    return f"{{{_PREFIX}{name}{field[2]}}}"


def _groups(conditions: Iterable[Condition]) -> list[str]:
    patterns = [condition for condition in conditions if isinstance(condition, Pattern)]
    return [name for pattern in patterns for name in re.compile(pattern.regex).groupindex]
