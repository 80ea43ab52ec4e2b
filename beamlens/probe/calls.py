"""Perform one call of a skill, whatever its code does, and reduce and redact what comes out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from beamlens.errors import SkillError
from beamlens.probe.arguments import checked_arguments
from beamlens.probe.faults import Redact, redacted_error, skill_error
from beamlens.probe.messages import CALLBACK_DOCS, CHECKS, DESCRIBE, NAMES, SNAPSHOT, Answer, SkillFacts
from beamlens.probe.plain import reduced
from beamlens.skills.base import BaseCallbacks
from beamlens.skills.checks import Check
from beamlens.skills.skill import Skill

__all__ = ["Calls"]


class Calls:
    """Perform calls of one skill's instance. One thread at a time.

    Args:
        skill: the instance; its `start()` was called.
        redact: takes plain data and returns it without secrets.
    """

    def __init__(self, skill: Skill, redact: Redact) -> None:
        self.skill = skill
        self._redact = redact
        self._base = BaseCallbacks(skill.pid)
        self._own: Mapping[str, Callable[[], Any]] = {
            SNAPSHOT: self._snapshot,
            CALLBACK_DOCS: self._docs,
            CHECKS: self._checks,
            DESCRIBE: self._facts,
            NAMES: self._names,
        }

    def perform(self, name: str, args: Sequence[Any]) -> Answer:
        """Return the answer to one call.

        Raises:
            SkillError: and nothing else, not even for a `SystemExit` or a `MemoryError` in the skill.
        """
        begun, cpu = time.perf_counter(), time.thread_time()
        try:
            own = self._own.get(name)
            value = own() if own is not None else self._callback(name, args)
        except BaseException as error:
            raise redacted_error(skill_error(error, f"{name}()"), self._redact) from None
        return Answer(value, time.perf_counter() - begun, time.thread_time() - cpu)

    # -- the calls --------------------------------------------------------------------------------

    def _snapshot(self) -> Any:
        taken = self.skill.snapshot()
        if not isinstance(taken, Mapping):
            raise SkillError(
                "unserializable", f"snapshot() returned a value of type {type(taken).__name__}; a dict is expected"
            )
        clean = self._clean(taken)
        if not isinstance(clean, dict):
            raise SkillError("refused", f"the snapshot was dropped by redaction, which gave {clean!r:.80}")
        return clean

    def _callback(self, name: str, args: Sequence[Any]) -> Any:
        found = self._callbacks()
        if name not in found:
            raise SkillError(
                "unknown_callback", f"there is no callback {name!r}; there are: {', '.join(sorted(found))}"
            )
        function = found[name]
        return self._clean(function(*checked_arguments(name, function, args)))

    def _callbacks(self) -> dict[str, Callable[..., Any]]:
        return {**self._base.callbacks(), **self.skill.callbacks()}

    def _names(self) -> tuple[str, ...]:
        return tuple(sorted(self._callbacks()))

    def _docs(self) -> str:
        own = self.skill.callback_docs().strip()
        shadowed = set(self.skill.callbacks())
        parts = [part for part in (own, self._base.docs(without=shadowed)) if part]
        return str(self._clean("\n\n".join(parts) + "\n"))

    def _checks(self) -> tuple[Check, ...]:
        found = tuple(self.skill.checks())
        for check in found:
            if not isinstance(check, Check):
                raise SkillError("unserializable", f"checks() returned {check!r:.80}; a beamlens.Check is expected")
            reduced(dataclasses.asdict(check))
        return found

    def _facts(self) -> SkillFacts:
        skill = self.skill
        return SkillFacts(
            skill.id,
            skill.title,
            skill.description,
            skill.system_prompt,
            self._docs(),
            self._names(),
            self._checks(),
            skill.snapshot_seconds,
            skill.callback_seconds,
        )

    # -- the door ---------------------------------------------------------------------------------

    def _clean(self, value: Any) -> Any:
        plain = reduced(value)
        try:
            return self._redact(plain)
        except BaseException as error:
            # Never passed on as it is: what could not be redacted may hold a secret.
            raise SkillError(
                "refused", f"the result was dropped, since redacting it failed with {type(error).__name__}"
            ) from None
