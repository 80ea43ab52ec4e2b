"""Stories told from the transcripts of real runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beamlens.report.evidence import evidence
from beamlens.report.printed import as_lines
from beamlens.report.reading import RunNotFound, find_run, read_story, summaries
from beamlens.report.story import Story
from tests.beamlens.control.program import COORDINATOR, OBSERVATION, OPERATOR
from tests.beamlens.report.recorded import transcripts


def story(*, kill: bool = False) -> Story:
    directory, run_id = transcripts(kill=kill)
    return read_story(directory, find_run(directory, run_id[:10]))


def test_a_story_has_the_steps_of_the_run_and_of_its_operators() -> None:
    told = story()
    assert [run.owner for run in told.runs] == ["coordinator", "operator:toy"]
    assert [step.tool for step in told.runs[0].steps] == [name for name, _ in COORDINATOR[:-1]]
    assert [step.tool for step in told.runs[1].steps] == [name for name, _ in OPERATOR[:-1]]
    assert [run.ending for run in told.runs] == ["done", "done"]
    assert told.missing == ()
    assert told.runs[1].steps[-1].notification == told.main.notifications[0].id
    assert [step.state for step in told.runs[1].steps][-3:] == ["healthy", "warning", "warning"]
    assert len(told.runs[1].snapshots) == 2


def test_lua_stands_with_what_it_gave() -> None:
    ran = [step for step in story().runs[1].steps if step.tool == "execute"]
    assert (ran[0].arguments["code"], ran[0].result, ran[0].is_error) == ("return toy_five() + 1", 6, False)
    assert ran[1].is_error
    assert "nope" in ran[1].result["error"]


def test_evidence_has_the_finding_its_numbers_and_the_lua_behind_each_sentence() -> None:
    told = evidence(story())[0].sentences
    texts = [each.text for each in told]
    assert texts[0] == "The toy is not well."
    assert texts[1].startswith(OBSERVATION)
    assert [each.is_guess for each in told] == [False] * (len(told) - 1) + [True]
    support = told[1].support[0]
    assert support.is_direct
    assert [(each.path, each.first, each.cited) for each in support.readings] == [("memory_mb", 137.0, 174.0)]
    assert [step.arguments["code"] for step in support.lua] == ["return toy_five() + 1", "return nope()"]
    assert not told[0].support[0].is_direct
    assert "cache" in told[-1].support[0].how


def test_a_death_in_the_middle_is_told_and_nothing_found_before_it_is_lost() -> None:
    told = story(kill=True)
    operator = told.runs[1]
    assert [death.crashes for death in operator.deaths] == [1]
    assert operator.ending == "done"
    assert len(operator.notifications) == 1
    assert told.main.crashed[0][0] == "toy"
    assert any("its process died" in text for text, _ in as_lines(told))


def test_the_data_is_json_and_complete() -> None:
    data = json.loads(json.dumps(story().to_dict(), allow_nan=False))
    assert data["ending"] == "done"
    assert data["operators"][0]["owner"] == "operator:toy"
    assert data["evidence"][0]["sentences"][1]["support"][0]["readings"][0]["path"] == "memory_mb"
    assert data["usage"]["steps"] == len(COORDINATOR) - 1


def test_printed_lines_carry_no_control_characters() -> None:
    for text, _ in as_lines(story()):
        assert all(each.isprintable() or each == "\n" for each in text), text


def test_the_last_run_is_that_of_the_coordinator() -> None:
    directory, run_id = transcripts()
    assert find_run(directory, "last").stem == run_id
    assert {each["owner"] for each in summaries(directory)} == {"coordinator", "operator:toy"}


@pytest.mark.parametrize("run", ["zzz", "", "../../etc/passwd", "*", ".", "\x1b[31m"])
def test_a_run_that_there_is_not_is_refused_in_words(run: str) -> None:
    with pytest.raises(RunNotFound, match="begins with") as refused:
        find_run(transcripts()[0], run)
    assert "\x1b" not in str(refused.value)


def test_an_empty_directory_is_no_error_of_ours(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RunNotFound, match="no transcripts"):
            find_run(directory, "last")


def test_what_is_cut_off_or_damaged_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    directory, run_id = transcripts()
    whole = (directory / f"{run_id}.journal").read_bytes()
    path = tmp_path / f"{run_id}.journal"
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        try:
            told = read_story(tmp_path, path)
        except RunNotFound:
            continue
        assert told.main.run_id == run_id
        list(as_lines(told))
    path.write_bytes(whole + b"\x00\x00\x00\x02zz")
    damaged = read_story(tmp_path, path)
    assert damaged.main.damage
    assert damaged.main.ending == "done"
    assert len(damaged.missing) == 1


@pytest.mark.parametrize("seed", range(30))
def test_flipped_bytes_never_raise_anything_else(tmp_path: Path, seed: int) -> None:
    import random

    directory, run_id = transcripts()
    data = bytearray((directory / f"{run_id}.journal").read_bytes())
    chance = random.Random(seed)
    for _ in range(5):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path = tmp_path / f"{run_id}.journal"
    path.write_bytes(data)
    summaries(tmp_path)
    try:
        list(as_lines(read_story(tmp_path, path)))
    except RunNotFound:
        return
