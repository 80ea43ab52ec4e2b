"""Let a program answer over stdin and stdout for the skill that watches it from inside. See `watched`."""

from __future__ import annotations

import json
import sys
from typing import Any

from beamlens.errors import SkillError
from beamlens.skills.skill import Skill


def answer_all(skill: Skill) -> None:
    """Answer one call for each line of stdin until it ends; each is a JSON list of a name and arguments."""
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(_answer(skill, name, arguments)), flush=True)


def _answer(skill: Skill, name: str, arguments: list[Any]) -> Any:
    if name == "snapshot":
        return skill.snapshot()
    try:
        return skill.callbacks()[name](*arguments)
    except SkillError as error:
        return {"error": error.kind, "text": error.text}
