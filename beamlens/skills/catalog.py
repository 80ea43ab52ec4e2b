"""The built-in skills by name, imported when they are asked for, and the way from what a user wrote to a class.

A skill is named by its id, one of its other names, or `module:Class`, which is also how a skill is named to
another process.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any, Final

from beamlens.errors import ConfigurationError
from beamlens.skills.functions import FunctionSkill
from beamlens.skills.skill import Skill, check_skill

__all__ = ["address_of", "aliases", "default_names", "names", "resolve", "skills"]

_SKILLS: Final[dict[str, str]] = {
    "allocator": "beamlens.skills.allocator:Allocator",
    "anomaly": "beamlens.skills.anomaly:Anomaly",
    "asyncio": "beamlens.skills.asyncio:Asyncio",
    "caches": "beamlens.skills.caches:Caches",
    "changes": "beamlens.skills.changes:Changes",
    "exception": "beamlens.skills.exception:Exceptions",
    "gc": "beamlens.skills.gc:Gc",
    "http": "beamlens.skills.http:Http",
    "locks": "beamlens.skills.locks:Locks",
    "logger": "beamlens.skills.logger:Logger",
    "loop_blocks": "beamlens.skills.loop_blocks:LoopBlocks",
    "outbound": "beamlens.skills.outbound:Outbound",
    "overload": "beamlens.skills.overload:Overload",
    "ports": "beamlens.skills.ports:Ports",
    "sql": "beamlens.skills.sql:Sql",
    "sup": "beamlens.skills.sup:Sup",
    "system": "beamlens.skills.system:System",
    "tracer": "beamlens.skills.tracer:Tracer",
    "vm": "beamlens.skills.vm:Vm",
    "vm_events": "beamlens.skills.vm_events:VmEvents",
}

_ALIASES: Final[dict[str, str]] = {
    "beam": "vm",
    "ecto": "sql",
    "ets": "caches",
    "os": "system",
    "supervisor": "sup",
}

_CONFIGURED: Final = frozenset(["http", "loop_blocks"])
"""Those that see nothing before the application was told of them, or a signal was chosen."""


def names() -> list[str]:
    """Return the ids of the built-in skills that there are, sorted."""
    return sorted(name for name, address in _SKILLS.items() if _exists(address))


def default_names() -> list[str]:
    """Return the ids of the built-in skills that there are and that need no configuration, sorted."""
    return [name for name in names() if name not in _CONFIGURED]


def skills() -> dict[str, str]:
    """Return `module:Class` by id of all skills that this package means to have, whether there yet or not."""
    return dict(_SKILLS)


def aliases() -> dict[str, str]:
    """Return the ids by the other names that are accepted."""
    return dict(_ALIASES)


def canonical_name(name: str) -> str:
    """Return the id that one of the other names stands for; any other name as it is."""
    return _ALIASES.get(name, name)


def resolve(given: object) -> type[Skill]:
    """Return the class that `given` means: a name, a class, a function skill, or `module:name` of one.

    Imports the module of a skill that is given by name.

    Raises:
        ConfigurationError: there is no such skill, or it lacks something; the text says what is expected.
    """
    if isinstance(given, FunctionSkill):
        return given.skill_class()
    if not isinstance(given, str):
        return check_skill(given)
    address = given if ":" in given else _SKILLS.get(_ALIASES.get(given, given))
    if address is None or (address is not given and not _exists(address)):
        others = ", ".join(f"{alias} ({name})" for alias, name in sorted(_ALIASES.items()) if name in names())
        raise ConfigurationError(
            f"there is no skill named {given!r}; there are: {', '.join(names()) or 'none'}"
            f"{'; also: ' + others if others else ''}; for your own give the class, or 'module:Class'"
        )
    return _load(address)


def address_of(skill: type[Skill] | FunctionSkill) -> str:
    """Return `module:name`, by which `resolve` finds the skill in another process.

    Raises:
        ConfigurationError: it cannot be found there; the text says what to do.
    """
    maker = skill if isinstance(skill, FunctionSkill) else FunctionSkill.maker_of(skill)
    if maker is not None:
        return _address(maker.module, _name_in(maker.module, maker), maker, maker.id)
    return _address(skill.__module__, skill.__qualname__, skill, skill.__qualname__)  # type: ignore[union-attr]


def _address(module: str, name: str | None, wanted: object, shown: str) -> str:
    if module == "__main__" or name is None or _attribute(sys.modules.get(module), name) is not wanted:
        raise ConfigurationError(
            f"the skill {shown} of module {module} cannot be found by another process; define it at the top level of a "
            "module that can be imported, or let it run in the application"
        )
    return f"{module}:{name}"


def _name_in(module: str, wanted: object) -> str | None:
    return next((name for name, value in vars(sys.modules[module]).items() if value is wanted), None)


def _exists(address: str) -> bool:
    return importlib.util.find_spec(address.partition(":")[0]) is not None


def _load(address: str) -> type[Skill]:
    module_name, _, qualname = address.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise ConfigurationError(
            f"the skill {address!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    found = _attribute(module, qualname)
    if found is None:
        raise ConfigurationError(f"module {module_name} has no {qualname!r}; 'module:Class' is expected")
    return resolve(found) if isinstance(found, FunctionSkill) else check_skill(found)


def _attribute(place: Any, path: str) -> Any:
    for name in path.split("."):
        place = getattr(place, name, None)
    return place
