"""Which of the built-in skills are started when none is named."""

from __future__ import annotations

from pathlib import Path

from beamlens.skills.catalog import default_names, names

_README = Path(__file__).parents[3] / "README.md"


def test_those_are_that_need_no_configuration() -> None:
    assert set(names()) - set(default_names()) == {"http", "loop_blocks"}


def test_the_readme_names_those_that_are_not() -> None:
    rows = [line for line in _README.read_text(encoding="utf-8").splitlines() if "not started by default" in line]
    assert [row.split("`")[1] for row in rows] == sorted(set(names()) - set(default_names()))
