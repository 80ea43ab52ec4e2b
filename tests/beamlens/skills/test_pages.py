"""The pages in the docs say what the skills say."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamlens.skills.asyncio import Asyncio
from beamlens.skills.http import Http
from beamlens.skills.locks import Locks
from beamlens.skills.outbound import Outbound
from beamlens.skills.overload import Overload
from beamlens.skills.skill import Skill

_PAGES = Path(__file__).parents[3] / "docs" / "skills"


@pytest.mark.parametrize("skill", [Asyncio, Http, Locks, Outbound, Overload], ids=lambda skill: str(skill.id))
def test_a_page_has_the_callbacks_word_for_word_all_checks_and_all_fields(skill: type[Skill]) -> None:
    made = skill()
    text = (_PAGES / f"{skill.id}.md").read_text(encoding="utf-8")
    assert made.callback_docs() in text
    for check in made.checks():
        assert f"`{check.name}`" in text
    for field in made.snapshot():
        assert f"`{field}`" in text
