"""Snapshots of several processes, and what a skill declares said of each of them."""

from __future__ import annotations

from typing import Any

import pytest

from beamlens import skill
from beamlens.errors import ConfigurationError, SkillError
from beamlens.llm.rules.conditions import matches
from beamlens.llm.rules.drills import Drilled, drill_code
from beamlens.llm.rules.findings import Finding, findings
from beamlens.llm.rules.moments import Moment
from beamlens.llm.rules.report import notification
from beamlens.probe.by_node import NodeReply, merged
from beamlens.probe.lifted import NODES_DOCS, SILENT_CHECK, lifted_check, lifted_value
from beamlens.probe.messages import CALLBACK_DOCS, CHECKS, NAMES, Answer, Failed, NodeInfo
from beamlens.probe.node_calls import NodeCalls
from beamlens.probe.remote import LocalSkill
from beamlens.skills import catalog
from beamlens.skills.checks import Check, Pattern, Rate, Threshold, Trend
from supervision.testing import wait_until


def reply(name: str, answer: Any, silent: float = 0.0) -> NodeReply:
    return NodeReply(name, int(name[1:]), answer, silent)


def snapshots(**nodes: Any) -> dict[str, Any]:
    found = merged([reply(name, Answer(data)) for name, data in nodes.items()], ())
    assert isinstance(found, Answer)
    return dict(found.value)


# -- by node --------------------------------------------------------------------------------------------


def test_all_that_may_come_of_asking() -> None:
    found = merged(
        [
            reply("n1", Answer({"rss": 1.25, "deep": {"n": 2}, "flag": True}, 0.01, 0.004)),
            reply("n2", Answer({"rss": 2.5, "deep": {"n": 40}, "flag": True}, 0.03, 0.002)),
            reply("n3", Failed("busy", "it is busy")),
            reply("n4", None, 7.04),
        ],
        ("rss", "deep.n", "flag", "deep.none", "rss.below"),
    )
    assert isinstance(found, Answer)
    assert (found.seconds, found.cpu_seconds) == (0.03, 0.006)
    assert found.value == {
        "node_count": 4,
        "nodes": [
            {"name": "n1", "pid": 1, "snapshot": {"rss": 1.25, "deep": {"n": 2}, "flag": True}},
            {"name": "n2", "pid": 2, "snapshot": {"rss": 2.5, "deep": {"n": 40}, "flag": True}},
        ],
        "sum": {"rss": 3.75, "deep.n": 42},
        "silent": [{"name": "n4", "pid": 4, "seconds": 7.0}],
        "failed": [{"name": "n3", "kind": "busy", "text": "it is busy"}],
    }


def test_what_a_skill_may_declare_as_additive() -> None:
    words: dict[str, Any] = {"title": "Toy", "description": "A toy.", "system_prompt": "You watch a toy."}
    toy = skill("toy", additive=("depth",), **words)
    toy.snapshot(lambda: {"depth": 1})
    assert catalog.resolve(toy).additive == ("depth",)
    wrong = skill("toy", additive="depth", **words)
    wrong.snapshot(lambda: {"depth": 1})
    with pytest.raises(ConfigurationError, match=r"additive is 'depth'; paths of figures are expected"):
        catalog.resolve(wrong)


def test_where_nobody_answers() -> None:
    failed = Failed("raised", "it raised")
    assert merged([reply("n1", failed), reply("n2", None)], ()) is failed
    silent = merged([reply("n1", None)], ())
    assert isinstance(silent, Answer)
    assert silent.value["nodes"] == []


def test_it_does_not_become_too_large() -> None:
    found = merged([reply(f"n{number}", Answer({"text": "x" * 1000})) for number in range(1, 6)], ("none",), size=3200)
    assert isinstance(found, Answer)
    assert [node["name"] for node in found.value["nodes"]] == ["n1", "n2", "n3"]
    assert found.value["left_out"] == ["n4", "n5"]


# -- lifted ---------------------------------------------------------------------------------------------


def held(check: Check, *given: dict[str, Any]) -> list[Finding]:
    seen = [Moment(f"s{number}", 10.0 * number, data) for number, data in enumerate(given)]
    return findings([check], seen, settled=True, anywhere=False)


def told(check: Check, *given: dict[str, Any]) -> list[dict[str, Any]]:
    seen = [Moment(f"s{number}", 10.0 * number, data) for number, data in enumerate(given)]
    return [notification(finding, Drilled(), seen) for finding in held(check, *given)]


def test_a_finding_names_its_node_and_how_many() -> None:
    check = lifted_check(
        Check(
            "deep", Threshold("queues.*.depth", ">", {"path": "most"}), "{key}: {value} of {most}", entities=("{key}",)
        )
    )
    bad = {"queues": [{"name": "mail", "depth": 9}], "most": 5}
    good = {"queues": [{"name": "mail", "depth": 9}], "most": 50}
    found = told(check, snapshots(n1=good, n2=bad, n3=bad))
    assert [each["observation"] for each in found] == [
        "On node n2 (2 of 3): mail: 9 of 5",
        "On node n3 (2 of 3): mail: 9 of 5",
    ]
    assert found[0]["entities"][:2] == ["mail", "n2"]


def test_what_must_hold_too_must_hold_on_the_same_node() -> None:
    check = Check("x", Threshold("queues.*.depth", ">", 5), "{key}", also=(Threshold("busy", "==", True),))
    deep = {"queues": [{"name": "mail", "depth": 9}], "busy": False}
    busy = {"queues": [{"name": "mail", "depth": 1}], "busy": True}
    assert held(check, {**deep, "busy": True})
    assert not held(lifted_check(check), snapshots(n1=deep, n2=busy))
    assert held(lifted_check(check), snapshots(n1=busy, n2={**deep, "busy": True}))


def test_change_is_judged_for_each_node() -> None:
    trend = lifted_check(Check("t", Trend("memory.mb", 10.0, per="requests"), "{first} to {last}"))
    rate = lifted_check(Check("r", Rate("errors", 0.5, of="requests", least_count=5), "{rate:.1f}"))
    line = [
        snapshots(
            n1={"memory": {"mb": 100 + 50 * step}, "requests": 10 * step, "errors": 9 * step},
            n2={"memory": {"mb": 100}, "requests": 1000 * step, "errors": 9 * step},
        )
        for step in range(5)
    ]
    assert [each["observation"] for each in told(trend, *line)] == ["On node n1 (1 of 2): 100 to 300"]
    assert [each["observation"] for each in told(rate, *line)] == ["On node n1 (1 of 2): 0.9"]
    # Without being lifted they would see nothing at all.
    assert not held(Check("t", Trend("memory.mb", 10.0), "x"), *line)


def test_named_groups_and_drills_keep_their_names() -> None:
    check = lifted_check(
        Check(
            "p",
            Pattern("last", r"at (?P<line>\w+)"),
            "{line}, {other}, {drill.line}",
            hypothesis="{other:.1f}",
            drill="return {line = vm_line(check.key)}",
        )
    )
    assert "{line}, {nodes.*.snapshot.other}, {drill.line}" in check.observation
    assert check.hypothesis == "{nodes.*.snapshot.other:.1f}"
    (finding,) = held(check, snapshots(n1={"last": "at home"}))
    code = drill_code(finding)
    assert "use_node(node_of_check)" in code
    assert code.count("\n") == 1, "the lines of its errors are those of the drill"


def test_what_is_said_of_itself() -> None:
    check = Check("x", Threshold("a", ">", 1), "{value}")
    assert lifted_value(CHECKS, (check,)) == (lifted_check(check),)
    assert lifted_value(CHECKS, (check,), silence=True)[1] is SILENT_CHECK
    assert lifted_value(CALLBACK_DOCS, "### f()\n") == f"### f()\n\n{NODES_DOCS}\n"
    assert lifted_value(NAMES, ("a",)) == ("a",)


def test_silence_is_told() -> None:
    value = snapshots(n1={})
    value |= {"silent": [{"name": "n2", "pid": 2, "seconds": 12.3}], "node_count": 2}
    (found,) = told(SILENT_CHECK, value)
    assert found["observation"] == "Node n2 (pid 2) has not answered for 12 s (1 of 2)."
    assert not held(SILENT_CHECK, value | {"silent": [{"name": "n2", "pid": 2, "seconds": 2.0}]})


def missing(name: str, data: dict[str, Any]) -> list[str]:
    """Return the additive figures of a skill that a snapshot of it does not have."""
    found = merged([reply("n1", Answer(data))], catalog.resolve(name).additive)
    assert isinstance(found, Answer)
    return sorted(set(catalog.resolve(name).additive) - set(found.value["sum"]))


@pytest.mark.parametrize("name", catalog.names())
def test_the_built_in_skills(name: str) -> None:
    """What is declared additive is there, and lifted checks see what their originals see."""
    with LocalSkill(name) as local:
        facts = local.facts()
        wait_until(lambda: not missing(name, local.snapshot()[0]), 20)
        data, _ = local.snapshot()
    value = snapshots(n1=data)
    for check in facts.checks:
        lifted = lifted_check(check)
        for condition, other in zip((check.when, *check.also), (lifted.when, *lifted.also), strict=True):
            before = [(match.keys, match.value) for match in matches(condition, [Moment("s", 1.0, data)])]
            after = [(match.keys[1:], match.value) for match in matches(other, [Moment("s", 1.0, value)])]
            assert before == after, check.name


# -- Lua ------------------------------------------------------------------------------------------------


class Skill:
    """A skill of two nodes, that says which of them it was."""

    name = "toy"

    def __init__(self, node: str = "n1") -> None:
        self.node = node

    def nodes(self) -> list[NodeInfo]:
        return [NodeInfo("n1", 1, True), NodeInfo("n2", 2)]

    def at(self, node: str) -> Skill:
        return Skill(node)

    def call(self, name: str, *args: Any) -> Any:
        return [self.node, name, *args]


def test_functions_answer_for_the_node_that_was_chosen() -> None:
    functions = NodeCalls(Skill(), ["toy_n"]).callbacks()  # type: ignore[arg-type]
    assert functions["toy_n"](5) == ["n1", "toy_n", 5]
    assert functions["use_node"]("n2") == "n2"
    assert functions["toy_n"]() == ["n2", "toy_n"]
    assert functions["use_node"]() == "n1"
    assert functions["toy_n"]() == ["n1", "toy_n"]
    assert [(node["name"], node["own"]) for node in functions["nodes"]()] == [("n1", True), ("n2", False)]
    with pytest.raises(SkillError, match="there is no node 'n3'; there are: n1, n2"):
        functions["use_node"]("n3")
    with pytest.raises(SkillError, match="there is no node"):
        functions["use_node"]({})
