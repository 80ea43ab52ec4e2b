"""The short pages in the docs name every callback, check and field that there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamlens.skills.anomaly import Anomaly
from beamlens.skills.changes import Changes
from beamlens.skills.logger import Logger
from beamlens.skills.loop_blocks import LoopBlocks
from beamlens.skills.ports import Ports
from beamlens.skills.skill import Skill
from beamlens.skills.sup import Sup
from beamlens.skills.system import System
from beamlens.skills.tracer import Tracer

_PAGES = Path(__file__).parents[3] / "docs" / "skills"
_OF_ALL = {"cost_ms"}


@pytest.mark.parametrize(
    "skill", [Anomaly, Changes, Logger, LoopBlocks, Ports, Sup, System, Tracer], ids=lambda skill: str(skill.id)
)
def test_a_page_names_callbacks_checks_and_fields(skill: type[Skill], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/nonexistent")
    made = skill()
    text = (_PAGES / f"{skill.id}.md").read_text(encoding="utf-8")
    made.start()
    try:
        fields = [name for name in made.snapshot() if name not in _OF_ALL]
    finally:
        made.stop()
    names = [f"`{name}(" for name in made.callbacks()]
    names += [f"`{check.name}`" for check in made.checks()] + [f"`{field}`" for field in fields]
    assert [name for name in names if name not in text] == []
