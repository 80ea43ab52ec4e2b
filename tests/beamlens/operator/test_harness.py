"""What users test their operators with."""

from __future__ import annotations

from typing import Any

import pytest

from beamlens import Check, Threshold
from beamlens.testing import OperatorHarness
from tests.beamlens.e2e.trees import Toy, finding


class Sized(Toy):
    id = "sized"

    def __init__(self, size: int = 1) -> None:
        self.size = size

    def snapshot(self) -> dict[str, Any]:
        return {"size": self.size}

    def checks(self) -> list[Check]:
        return [Check("too_large", Threshold("size", ">", 10), "the size is {value}")]


def test_a_scripted_operator_with_real_lua() -> None:
    script = [("take_snapshot", {}), ("execute", {"code": "return toy_n() + 1"}), finding("n is 6"), ("done", {})]
    with OperatorHarness(Toy, script=script) as operator:
        completion = operator.run("look")
    assert completion.ending == "done"
    assert [found.observation for found in completion.notifications] == ["n is 6"]
    assert operator.results("execute") == [6]
    assert operator.tools == ["take_snapshot", "execute", "send_notification", "done"]


def test_code_that_is_wrong_is_told_to_the_model() -> None:
    with OperatorHarness(Toy, script=[("execute", {"code": "return nothing()"}), ("done", {})]) as operator:
        assert operator.run().ending == "done"
    assert "nothing" in operator.results("execute")[0]["error"]


def test_a_model_that_is_a_function() -> None:
    seen: list[str] = []

    def model(request: Any) -> Any:
        seen.append(request.messages[-1].text)
        return ("done", {}) if len(seen) == 2 else ("think", {"thought": "."})

    with OperatorHarness(Toy, script=model) as operator:
        assert operator.run("look").iterations == 2
    assert seen == ["Current state: healthy"] * 2


@pytest.mark.parametrize(("size", "found"), [(11, ["the size is 11"]), (10, [])])
def test_the_rules_and_the_checks_of_a_skill(size: int, found: list[str]) -> None:
    with OperatorHarness(Sized, size=size) as operator:
        completion = operator.run("is it too large?")
    assert completion.ending == "done"
    assert [each.observation for each in completion.notifications] == found


def test_its_options() -> None:
    script = [{"tool": "think", "arguments": {"thought": "."}, "repeat": "forever"}]
    with OperatorHarness(Toy, script=script) as operator:
        assert operator.run(max_iterations=2).ending == "max_iterations"


def test_the_skill_is_checked_at_the_end_as_by_its_own_harness() -> None:
    class Leaky(Toy):
        def start(self) -> None:
            import logging

            logging.getLogger().setLevel(5)

    import logging

    level = logging.getLogger().level
    try:
        with (
            pytest.raises(AssertionError, match="left traces"),
            OperatorHarness(Leaky, script=[("done", {})]) as operator,
        ):
            operator.run()
    finally:
        logging.getLogger().setLevel(level)
