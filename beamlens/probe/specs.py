"""Which skills a probe holds: kept outside of it, so that a restart of the probe finds those added meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from beamlens.errors import ConfigurationError
from beamlens.skills.catalog import resolve
from beamlens.skills.skill import Skill

__all__ = ["SkillSet", "SkillSpec", "skill_spec"]

_MOST_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class SkillSpec:
    """Say what a skill is and how it is made. Stays in one process: it holds a class.

    Args:
        skill: the class.
        kwargs: what it is constructed with.
        name: under which it is asked for; the skill's id if empty. Two skills of one class need two names.
    """

    skill: type[Skill]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        _check_limits(self.skill)
        if not self.name:
            object.__setattr__(self, "name", self.skill.id)

    def make(self) -> Skill:
        """Construct an instance; raises what the class raises."""
        return self.skill(**self.kwargs)


def _check_limits(skill: type[Skill]) -> None:
    for limit in ("snapshot_seconds", "callback_seconds"):
        value = getattr(skill, limit)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _MOST_SECONDS:
            expected = f"seconds above 0 and up to {_MOST_SECONDS:g} are expected"
            raise ConfigurationError(f"{skill.__qualname__}.{limit} is {value!r}; {expected}")


def skill_spec(given: object) -> SkillSpec:
    """Return the spec for what a user wrote: a name, a class, a function skill, `(one of these, kwargs)` or a spec.

    Raises:
        ConfigurationError: it is none of these; the text says what is expected.
    """
    if isinstance(given, SkillSpec):
        return given
    if not isinstance(given, tuple):
        return SkillSpec(resolve(given))
    if len(given) != 2 or not isinstance(given[1], Mapping) or not all(isinstance(key, str) for key in given[1]):
        raise ConfigurationError(f"{given!r} is no skill with arguments; (skill, {{'name': value}}) is expected")
    return SkillSpec(resolve(given[0]), dict(given[1]))


class SkillSet:
    """Hold specs by name. Any thread.

    Args:
        skills: what `skill_spec` takes.

    Raises:
        ConfigurationError: one is no skill, or two have one name.
    """

    def __init__(self, skills: Iterable[object] = ()) -> None:
        self._specs: dict[str, SkillSpec] = {}
        self._lock = threading.Lock()
        for given in skills:
            self.add(skill_spec(given))

    def add(self, spec: SkillSpec) -> None:
        """Hold one more.

        Raises:
            ConfigurationError: the name is taken.
        """
        self._change(lambda specs: _put(specs, spec))

    def remove(self, name: str) -> None:
        """Hold it no more, if it is here."""
        self._change(lambda specs: specs.pop(name, None))

    def specs(self) -> list[SkillSpec]:
        """Return them in the order in which they were added."""
        with self._lock:
            return list(self._specs.values())

    def _change(self, change: Callable[[dict[str, SkillSpec]], object]) -> None:
        with self._lock:
            change(self._specs)


def _put(specs: dict[str, SkillSpec], spec: SkillSpec) -> None:
    if spec.name in specs:
        raise ConfigurationError(f"there are two skills named {spec.name!r}; give one of them another name")
    specs[spec.name] = spec
