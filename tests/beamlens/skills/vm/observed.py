"""A program in a process of its own, and what the checks say of it: judged as the rules provider does, drills too."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

from lupa.lua54 import LuaRuntime

from beamlens.llm.rules.conditions import matches
from beamlens.llm.rules.drills import drill_code
from beamlens.llm.rules.findings import Finding, findings
from beamlens.llm.rules.moments import Moment
from beamlens.llm.rules.templates import Surroundings, fill
from beamlens.skills.vm_checks import CHECKS


class Observed:
    """Run one of the programs; `close` ends it."""

    def __init__(self, program: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.beamlens.skills.vm.program", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.seen: list[Moment] = []

    def call(self, name: str, *arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def look(self) -> dict[str, Any]:
        data: dict[str, Any] = self.call("snapshot")
        self.seen.append(Moment(str(len(self.seen)), datetime.now(UTC).timestamp(), data))
        return data

    def findings(self) -> dict[str, Finding]:
        """Return what holds in the latest snapshot, by the check's name, as long as its drill confirms it."""
        held = findings(CHECKS, self.seen[-3:], settled=True, anywhere=False)
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
        for name in ("vm_memory", "vm_threads", "vm_growing_containers", "vm_hot_functions", "vm_locks"):
            lua.globals()[name] = lambda *arguments, name=name: _to_lua(lua, self.call(name, *arguments))
        result = lua.execute(drill_code(finding))
        return {str(key): value for key, value in result.items()}

    def _confirmed(self, finding: Finding) -> bool:
        confirm = finding.check.confirm
        return confirm is None or bool(matches(confirm, [Moment("drill", None, self.drill(finding))]))

    def close(self) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        code = self._process.wait(30)
        self._process.stdout.close()
        return code


def _to_lua(lua: LuaRuntime, value: Any) -> Any:
    if isinstance(value, dict):
        return lua.table_from({key: _to_lua(lua, each) for key, each in value.items() if each is not None})
    if isinstance(value, list):
        return lua.table_from([_to_lua(lua, each) for each in value])
    return value
