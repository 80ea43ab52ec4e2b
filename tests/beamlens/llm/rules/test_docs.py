"""docs/rules.md says what holds."""

from __future__ import annotations

import re
from pathlib import Path

from beamlens import Check
from beamlens.llm.rules.causes import CAUSES, EFFECTS

PAGE = (Path(__file__).parents[4] / "docs" / "rules.md").read_text(encoding="utf-8")


def test_the_table_of_causes_is_current() -> None:
    for key, meaning in CAUSES.items():
        makes = ", ".join(f"`{row.effect}`" for row in EFFECTS if row.cause == key)
        assert f"| `{key}` | {meaning} | {makes} |" in PAGE
    assert len(re.findall(r"^\| `[a-z0-9_]+` \|", PAGE, re.MULTILINE)) == len(CAUSES)


def test_the_example_of_a_check_runs() -> None:
    [example] = [code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "Check(" in code]
    made: list[object] = []
    exec(example.replace("\nCheck(", "\nmade = Check("), names := {"__name__": "example"})
    made.append(names["made"])
    assert isinstance(made[0], Check)
    assert made[0].cause in CAUSES
