"""The text of a skill to begin with: it works as it is."""

from __future__ import annotations

from string import Template
from typing import Final

__all__ = ["skill_source"]

_SOURCE: Final = Template('''\
"""What ${name} looks like from inside this program."""

import gc

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
        return {"tracked_objects": len(gc.get_objects())}

    def callbacks(self):
        """Return functions that Lua may call to look closer."""
        return {"${name}_collections": lambda: [each["collections"] for each in gc.get_stats()]}

    def callback_docs(self):
        """Describe each of them to the model."""
        return "### ${name}_collections()\\nA list: how often each generation was collected."
''')


def skill_source(name: str) -> str:
    """Return the source of a skill of this name."""
    title = name.replace("_", " ").capitalize()
    return _SOURCE.substitute(name=name, title=title, class_name=f"{title.title().replace(' ', '')}Skill")
