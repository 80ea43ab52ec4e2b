"""What holds for every skill: shape, documentation with examples that run, fields that are documented."""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from beamlens.skills.skill import Skill, check_skill
from beamlens.testing import SkillHarness


def assert_sound(
    skill: type[Skill], examples: Mapping[str, Sequence[Sequence[Any]]], common: Collection[str] = (), **options: Any
) -> None:
    """Assert it, by the way that operators call skills.

    Args:
        skill: the class.
        examples: good arguments by callback.
        common: fields that may be returned by callbacks without a word about them.
        options: of the skill.
    """
    assert check_skill(skill) is skill
    with SkillHarness(skill, **options) as harness:
        harness.assert_good(examples)
        instance = harness.access.skill
        assert instance is not None
        docs = instance.callback_docs()
        for name, function in instance.callbacks().items():
            parameters = ", ".join(inspect.signature(function).parameters)
            section = docs.split(f"### {name}(")[1].split("\n###")[0]
            assert section.startswith(f"{parameters})"), f"{name}({parameters}) is documented as {section[:60]!r}"
            example = section.split("```lua\n")[1].split("```")[0]
            assert f"{name}(" in example, f"the example of {name} does not call it"
            harness.lua(example)
            data = harness.call(name, *examples.get(name, [[]])[0])
            assert len(json.dumps(data)) < 100_000
            undocumented = [key for key in data if f"`{key}`" not in section and key not in common]
            assert undocumented == [], f"{name} returns {undocumented}, which its documentation does not name"
