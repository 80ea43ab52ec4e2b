"""Skills made of functions, and the way from a name to a class of skills."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from beamlens.errors import ConfigurationError
from beamlens.probe.remote import LocalSkill
from beamlens.skills import catalog
from beamlens.skills.checks import Check, Threshold
from beamlens.skills.functions import FunctionSkill, skill
from beamlens.skills.skill import Skill
from tests.beamlens.probe.skills import Good, plain


def make(**changes: Any) -> FunctionSkill:
    members: dict[str, Any] = {
        "id": "redis",
        "title": "Redis",
        "description": "Cache health",
        "system_prompt": """
            You watch Redis.

            ## Look for
            - evictions
        """,
    }
    members.update(changes)
    return skill(members.pop("id"), **members)


def test_functions_become_a_class_of_skills() -> None:
    check = Check("full", Threshold("used", ">", 0.9), "used {value}")
    redis = make(checks=[check], snapshot_seconds=1.0)
    journal: list[str] = []

    @redis.snapshot
    def stand() -> dict[str, Any]:
        return {"used": 0.5}

    @redis.callback
    def slowlog(count: int = 10) -> list[int]:
        """Recent slow queries."""
        return list(range(count))

    @redis.callback
    def redis_info() -> dict[str, Any]:
        return {}

    @redis.start
    def begin() -> None:
        journal.append("start")

    @redis.stop
    def end() -> None:
        journal.append("stop")

    made = redis.skill_class()
    assert issubclass(made, Skill)
    assert made is redis.skill_class() is catalog.resolve(redis)
    assert (made.id, made.title, made.runs_in, made.snapshot_seconds) == ("redis", "Redis", "application", 1.0)
    assert made.system_prompt.startswith("You watch Redis.\n\n## Look for\n- ")
    with LocalSkill(redis) as access:
        assert access.snapshot()[0] == {"used": 0.5}
        assert access.call("redis_slowlog", 2) == [0, 1]
        assert access.call("redis_info") == {}
        assert "### redis_slowlog(count: int = 10)\nRecent slow queries." in access.docs()
        assert access.checks() == (check,)
    assert journal == ["start", "stop"]
    assert slowlog(1) == [0]  # a decorated function stays what it was


def test_what_is_wrong_is_said_when_it_is_defined() -> None:
    with pytest.raises(ConfigurationError, match="lower-case letters"):
        make(id="my skill")
    with pytest.raises(ConfigurationError, match="'application' or 'operator'"):
        make(runs_in="moon")
    with pytest.raises(ConfigurationError, match="no snapshot"):
        make().skill_class()
    with pytest.raises(ConfigurationError, match="right above a def"):
        make().snapshot(3)  # type: ignore[type-var]
    redis = make()
    redis.callback(_named("info"))
    with pytest.raises(ConfigurationError, match="two callbacks named redis_info"):
        redis.callback(_named("redis_info"))
    redis.snapshot(dict)
    redis.skill_class()
    with pytest.raises(ConfigurationError, match="in use already"):
        redis.callback(_named("late"))


@pytest.mark.parametrize("member", ["title", "description", "system_prompt"])
def test_a_text_that_is_missing_is_named(member: str) -> None:
    redis = make(**{member: " "})
    redis.snapshot(dict)
    with pytest.raises(ConfigurationError, match=member):
        redis.skill_class()


def _named(name: str) -> Any:
    def function() -> None: ...

    function.__name__ = name
    return function


# ---- names


def test_addresses_lead_to_the_same_class() -> None:
    for given in (Good, plain, plain.skill_class()):
        address = catalog.address_of(given)
        assert catalog.resolve(address) is catalog.resolve(given)
    assert catalog.address_of(plain.skill_class()) == "tests.beamlens.probe.skills:plain"


def test_what_another_process_cannot_find_is_said_with_what_to_do() -> None:
    class Local(Good):
        """Defined in a function."""

    made = make()
    made.snapshot(_named("stand"))
    for given in (Local, made, made.skill_class()):
        with pytest.raises(ConfigurationError, match="top level of a module"):
            catalog.address_of(given)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("nonsense", "there is no skill named 'nonsense'; there are: "),
        ("", "there is no skill named ''"),
        ("beamlens.nowhere:Skill", "cannot be imported: ModuleNotFoundError"),
        ("tests.beamlens.probe.skills:Nobody", "has no 'Nobody'"),
        ("tests.beamlens.probe.skills:Text", "subclass of beamlens.Skill"),
        (Good(), "subclass of beamlens.Skill"),
        (7, "subclass of beamlens.Skill"),
    ],
)
def test_what_is_no_skill_is_said_so(given: object, text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        catalog.resolve(given)
    assert text in str(raised.value)


def test_only_skills_that_exist_are_listed_and_all_of_them_can_be_had() -> None:
    for name in catalog.names():
        assert catalog.resolve(name).id == name
    folder = Path(catalog.__file__).parent
    for name, address in catalog.skills().items():
        there = (folder / f"{name}.py").exists() or (folder / name).is_dir()
        assert (name in catalog.names()) == there, address


def test_the_seeds_names_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"beam", "ets", "gc", "logger", "ports", "sup", "system", "ecto", "exception", "os", "supervisor"}
    assert known <= set(catalog.skills()) | set(catalog.aliases())
    monkeypatch.setitem(catalog._SKILLS, "vm", "tests.beamlens.probe.skills:Good")
    assert catalog.resolve("beam") is Good
    assert "vm" in catalog.names()


def test_the_catalogue_imports_no_skill() -> None:
    code = (
        "import sys, beamlens.skills.catalog as c; c.names();"
        "print([a for a in c.skills().values() if a.partition(':')[0] in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.strip() == "[]"
