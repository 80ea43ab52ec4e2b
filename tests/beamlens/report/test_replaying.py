"""Recorded runs, driven again without a model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from beamlens.llm.model import ToolCall
from beamlens.report.replaying import Replayed, replay
from beamlens.report.story import RunStory
from tests.beamlens.report.test_stories import story


def differences(steps: list[Replayed]) -> list[str]:
    return [each for step in steps for each in step.differences]


@pytest.mark.parametrize("kill", [False, True])
@pytest.mark.parametrize("number", [0, 1])
def test_a_run_goes_the_same_way_again(number: int, kill: bool) -> None:
    run = story(kill=kill).runs[number]
    steps = list(replay(run))
    assert differences(steps) == []
    assert [step.tool for step in steps[:-1]] == [step.tool for step in run.steps]
    assert steps[-1].tool == "(end: done)"


def _operator() -> RunStory:
    return story().runs[1]


def _with_call(run: RunStory, at: int, call: ToolCall) -> RunStory:
    steps = list(run.steps)
    steps[at] = replace(steps[at], call=call)
    return replace(run, steps=tuple(steps))


def test_a_tool_that_is_there_no_more_is_a_difference() -> None:
    steps = list(replay(_with_call(_operator(), 1, ToolCall("c", "look_around", {}))))
    assert any("there is no tool 'look_around'" in each for each in differences(steps))


def test_arguments_that_do_not_fit_any_more_are_a_difference() -> None:
    steps = list(replay(_with_call(_operator(), 2, ToolCall("c", "wait", {"ms": "soon"}))))
    assert any("do not fit" in each for each in differences(steps))


def test_a_result_that_was_changed_is_a_difference_at_its_step() -> None:
    run = _operator()
    steps = list(run.steps)
    steps[4] = replace(steps[4], result=7)
    replayed = list(replay(replace(run, steps=tuple(steps))))
    assert [step.iteration for step in replayed if step.differences] == [4]


@pytest.mark.parametrize(
    ("ending", "why"),
    [
        ("deadline", "the run took longer than the 5 seconds it was given"),
        ("cancelled", "cancelled"),
        ("llm_failed", "overloaded: try again later"),
        ("max_iterations", "8 iterations were taken"),
        ("crashed", "the operator is gone"),
    ],
)
def test_other_ends_are_reached_again(ending: str, why: str) -> None:
    steps = list(replay(replace(_operator(), ending=ending, why=why)))
    assert differences(steps) == []


def test_another_end_than_the_recorded_one_is_a_difference() -> None:
    run = _operator()
    shorter = replace(run, steps=run.steps[:3], ending="max_iterations")
    assert differences(list(replay(shorter))) == []
    again = replace(run.steps[1], iteration=1)
    looped = replace(run, steps=(run.steps[0], *(replace(again) for _ in range(5))))
    assert differences(list(replay(looped)))  # the loop refuses the same call the fourth time


def test_nonsense_is_heard_again() -> None:
    from beamlens.llm.model import Message

    run = _operator()
    error = '{"error": "no tool was called"}'
    nonsense = replace(
        run.steps[2], call=None, said="hm", result={"error": "no tool was called"}, is_error=True, told=(),
        messages=(Message("assistant", "hm"), Message("user", error)),
    )  # fmt: skip
    steps = (*run.steps[:2], replace(nonsense, iteration=2), replace(nonsense, iteration=3))
    why = "3 unusable answers in a row; the last: no tool was called"
    told = list(replay(replace(run, steps=steps, ending="llm_failed", why=why)))
    assert differences(told) == []
    assert told[-1].result == why


def test_a_run_that_never_began_gives_nothing() -> None:
    assert list(replay(replace(_operator(), steps=(), ending=None))) == []
