"""A program in a process of its own, watched by a skill from inside; judged as the rules provider does, drills too."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from lupa.lua54 import LuaRuntime

from beamlens.llm.rules.conditions import matches
from beamlens.llm.rules.drills import drill_code
from beamlens.llm.rules.findings import Finding, findings
from beamlens.llm.rules.moments import Moment
from beamlens.llm.rules.templates import Surroundings, fill
from beamlens.skills.checks import Check
from beamlens.skills.skill import Skill
from supervision.testing import wait_until

_KEPT = 7  # snapshots: what an operator has on demand


class Watched:
    """Run a program module, which calls `answer_all`; `close` ends it.

    Args:
        skill: what the program is watched by.
        module, arguments: the program.
    """

    def __init__(self, skill: type[Skill], module: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        made = skill()
        self._checks: Sequence[Check] = made.checks()
        self._names = list(made.callbacks())
        self.seen: list[Moment] = []

    def call(self, name: str, *arguments: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def look(self) -> dict[str, Any]:
        data: dict[str, Any] = self.call("snapshot")
        self.seen.append(Moment(str(len(self.seen)), datetime.now(UTC).timestamp(), data))
        return data

    def findings(self) -> dict[str, Finding]:
        """Return what holds in the latest snapshots, by the check's name, as long as its drill confirms it."""
        held = findings(self._checks, self.seen[-_KEPT:], settled=True, anywhere=False)
        return {finding.check.name: finding for finding in held if self._confirmed(finding)}

    def texts(self, finding: Finding) -> list[str]:
        """Return the observation, context, hypothesis, remedy and entities; an unknown value fails the test."""
        check = finding.check
        around = Surroundings(finding.match, self.seen[-1].data, self.drill(finding) if check.drill else None)
        templates = [check.observation, check.context, check.hypothesis or "", check.remedy or "", *check.entities]
        filled = [fill(template, around) for template in templates]
        assert all(each.complete for each in filled), filled
        return [each.text for each in filled]

    def drill(self, finding: Finding) -> dict[str, Any]:
        lua = LuaRuntime(unpack_returned_tuples=True)
        for name in self._names:
            lua.globals()[name] = lambda *arguments, name=name: _to_lua(lua, self.call(name, *arguments))
        result = lua.execute(drill_code(finding))
        return {str(key): value for key, value in result.items()}

    def found(self, name: str, timeout: float = 60.0) -> list[str]:
        """Wait until a check of that name holds, and return its texts."""

        def look() -> list[str] | None:
            self.look()
            finding = self.findings().get(name)
            return self.texts(finding) if finding is not None else None

        return wait_until(look, timeout=timeout, interval=0.5) or []

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

    def _confirmed(self, finding: Finding) -> bool:
        confirm = finding.check.confirm
        return confirm is None or bool(matches(confirm, [Moment("drill", None, self.drill(finding))]))

    def close(self) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        code = self.process.wait(30)
        self.process.stdout.close()
        return code


@contextmanager
def watched(skill: type[Skill], module: str, *arguments: str) -> Iterator[Watched]:
    """Run a program as long as the block, and check that it ends well."""
    program = Watched(skill, module, *arguments)
    try:
        yield program
    finally:
        code = program.close()
    assert code == 0


def _to_lua(lua: LuaRuntime, value: Any) -> Any:
    if isinstance(value, dict):
        return lua.table_from({key: _to_lua(lua, each) for key, each in value.items() if each is not None})
    if isinstance(value, list):
        return lua.table_from([_to_lua(lua, each) for each in value])
    return value
