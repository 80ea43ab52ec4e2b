"""The text of a skill to begin with, and of its tests: both work as they are."""

from __future__ import annotations

from string import Template
from typing import Final

__all__ = ["skill_sources"]

_SOURCE: Final = Template('''\
"""What ${name} looks like from inside this program."""

import threading

from beamlens import Skill


class $class_name(Skill):
    """Watch $name. Runs in the application; each call has a limit of time, and must change nothing.

        Beamlens.start(operators=[$class_name])
    """

    id = "$name"
    title = "$title"
    description = "Counts of $name; ask it when $name seem slow or many."
    system_prompt = "You watch $name in a running Python program. Say what is unusual, with numbers."

    def snapshot(self):
        """Return numbers that tell how things stand; quick, and small."""
        return {"threads": threading.active_count()}

    def callbacks(self):
        """Return functions that Lua may call to look closer."""
        return {"${name}_threads": self.threads}

    def callback_docs(self):
        """Describe each of them to the model."""
        return "### ${name}_threads(limit)\\nA list: names of threads. `limit` 1 to 50, default 10."

    def threads(self, limit: int = 10):
        """Return the names of some threads."""
        return [thread.name for thread in threading.enumerate()][: max(1, min(limit, 50))]
''')

_TESTS: Final = Template('''\
"""Tests of $class_name: python -m pytest test_${name}_skill.py"""

from ${name}_skill import $class_name

from beamlens.testing import SkillHarness


def test_it_keeps_what_is_asked_of_skills():
    with SkillHarness($class_name) as skill:
        skill.assert_good()


def test_it_tells_how_things_stand():
    with SkillHarness($class_name) as skill:
        assert skill.snapshot()["threads"] >= 1
        assert skill.lua("return #${name}_threads(1)") == 1
''')


def skill_sources(name: str) -> dict[str, str]:
    """Return the sources of a skill of this name and of its tests, by the names of their files."""
    title = name.replace("_", " ").capitalize()
    given = {"name": name, "title": title, "class_name": f"{title.title().replace(' ', '')}Skill"}
    return {f"{name}_skill.py": _SOURCE.substitute(given), f"test_{name}_skill.py": _TESTS.substitute(given)}
