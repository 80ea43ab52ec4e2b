"""What a skill's checks say of what it sees, judged as the rules provider does, drills too."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from lupa.lua54 import LuaRuntime

from beamlens.llm.rules.conditions import matches
from beamlens.llm.rules.drills import drill_code
from beamlens.llm.rules.findings import Finding, findings
from beamlens.llm.rules.moments import Moment
from beamlens.llm.rules.templates import Surroundings, fill
from beamlens.skills.checks import Check
from supervision.testing import wait_until
from tests.beamlens.skills.asked import Asked


class Judge:
    """Take snapshots and judge them.

    Args:
        checks: of the skill.
        call: asks for a snapshot or a callback, by name.
        callbacks: names that drills may use.
        last: snapshots that are judged together.
        whole: whether an unknown value in any text fails the test, or only one in the observation and the context.
    """

    def __init__(
        self,
        checks: Sequence[Check],
        call: Callable[..., Any],
        callbacks: Sequence[str],
        *,
        last: int = 6,
        whole: bool = False,
    ) -> None:
        self._last = last
        self._whole = whole
        self.checks = tuple(checks)
        self.call = call
        self.callbacks = tuple(callbacks)
        self.seen: list[Moment] = []

    def look(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(json.dumps(self.call("snapshot"), allow_nan=False))
        self.seen.append(Moment(str(len(self.seen)), datetime.now(UTC).timestamp(), data))
        return data

    def findings(self) -> dict[str, Finding]:
        """Return what holds in the latest snapshots, by the check's name, as long as its drill confirms it."""
        held = findings(self.checks, self.seen[-self._last :], settled=True, anywhere=False)
        return {finding.check.name: finding for finding in held if self._confirmed(finding)}

    def texts(self, finding: Finding) -> list[str]:
        """Return the observation, context, hypothesis, remedy and entities.

        What has an unknown value, and does not fail the test, is left out, as it would be.
        """
        check = finding.check
        around = Surroundings(finding.match, self.seen[-1].data, self.drill(finding) if check.drill else None)
        templates = [check.observation, check.context, check.hypothesis or "", check.remedy or "", *check.entities]
        filled = [fill(template, around) for template in templates]
        assert all(each.complete for each in (filled if self._whole else filled[:2])), filled
        return [each.text for each in filled if each.complete]

    def drill(self, finding: Finding) -> dict[str, Any]:
        lua = LuaRuntime(unpack_returned_tuples=True)
        for name in self.callbacks:
            lua.globals()[name] = lambda *arguments, name=name: _to_lua(lua, self.call(name, *arguments))
        result = lua.execute(drill_code(finding))
        return {str(key): value for key, value in result.items()}

    def wait_for(self, name: str, timeout: float = 40.0, interval: float = 0.3) -> list[str]:
        """Look until a check holds; return its texts."""

        def look() -> list[str] | None:
            self.look()
            finding = self.findings().get(name)
            return self.texts(finding) if finding is not None else None

        return wait_until(look, timeout=timeout, interval=interval) or []

    def alarms(self, looks: int, interval: float = 0.3) -> list[str]:
        """Return the names of all checks that hold over so many looks."""
        found: list[str] = []

        def look() -> bool:
            self.look()
            found.extend(self.findings())
            return len(self.seen) >= looks

        wait_until(look, timeout=60, interval=interval)
        return found

    def _confirmed(self, finding: Finding) -> bool:
        confirm = finding.check.confirm
        return confirm is None or bool(matches(confirm, [Moment("drill", None, self.drill(finding))]))


class Served:
    """Run a program with a skill in it; see `served`. `close` ends it.

    Args:
        skill, program: `module:name`.
        options: of the skill.
    """

    def __init__(self, skill: str, program: str, **options: Any) -> None:
        self._asked = Asked("tests.beamlens.skills.served", skill, program, json.dumps(options))
        self.pid = self._asked.process.pid
        self.call = self._asked.call

    def close(self) -> None:
        code = self._asked.close()
        assert code == 0, f"the program ended with {code}"

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _to_lua(lua: LuaRuntime, value: Any) -> Any:
    if isinstance(value, dict):
        return lua.table_from({key: _to_lua(lua, each) for key, each in value.items() if each is not None})
    if isinstance(value, list):
        return lua.table_from([_to_lua(lua, each) for each in value])
    return value
