"""A program in a process of its own, watched by a skill from inside; judged as the rules provider does, drills too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from beamlens.llm.rules.findings import Finding
from beamlens.skills.skill import Skill
from supervision.testing import wait_until
from tests.beamlens.skills.asked import Asked
from tests.beamlens.skills.judged import Judge

_KEPT = 7  # snapshots: what an operator has on demand


class Watched:
    """Run a program module, which calls `answer_all`; `close` ends it.

    Args:
        skill: what the program is watched by.
        module, arguments: the program.
        last: snapshots that are judged together.
    """

    def __init__(self, skill: type[Skill], module: str, *arguments: str, last: int = _KEPT) -> None:
        asked = Asked(module, *arguments)
        made = skill()
        self._judge = Judge(made.checks(), asked.call, list(made.callbacks()), last=last, whole=True)
        self.process, self.call, self.close = asked.process, asked.call, asked.close
        self.look, self.findings = self._judge.look, self._judge.findings
        self.seen = self._judge.seen

    def texts(self, finding: Finding) -> list[str]:
        """Return the observation, context, hypothesis, remedy and entities; an unknown value fails the test."""
        return self._judge.texts(finding)

    def drill(self, finding: Finding) -> dict[str, Any]:
        """Return what the finding's drill does."""
        return self._judge.drill(finding)

    def found(self, name: str, timeout: float = 60.0) -> list[str]:
        """Wait until a check of that name holds, and return its texts."""
        return self._judge.wait_for(name, timeout, 0.5)

    def alarms(self, seconds: float) -> list[str]:
        """Look for so long and return the names of all checks that held meanwhile."""
        alarms: list[str] = []
        began = datetime.now(UTC).timestamp()

        def look() -> bool:
            self.look()
            alarms.extend(self.findings())
            return datetime.now(UTC).timestamp() - began >= seconds

        wait_until(look, timeout=seconds + 60, interval=0.5)
        return alarms


@contextmanager
def watched(skill: type[Skill], module: str, *arguments: str) -> Iterator[Watched]:
    """Run a program as long as the block, and check that it ends well."""
    program = Watched(skill, module, *arguments)
    try:
        yield program
    finally:
        code = program.close()
    assert code == 0
