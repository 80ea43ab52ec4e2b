"""The code in docs/skills.md runs as it stands."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import beamlens.testing
from beamlens.probe.messages import CALLBACK_DOCS
from beamlens.probe.plain import SIZE
from beamlens.probe.runner import QUEUE
from beamlens.skills.base import BaseCallbacks
from beamlens.skills.skill import Skill

PAGE = (Path(__file__).parents[3] / "docs" / "skills.md").read_text()
BLOCKS = re.findall(r"```python\n# (shop/\w+)\.py\n(.*?)```", PAGE, re.DOTALL)


class _Client:
    def ping(self) -> bool:
        return True

    def info(self) -> dict[str, int]:
        return {"used_memory": 3 * 2**20}

    def slowlog_get(self, count: int) -> list[int]:
        return list(range(count))


@pytest.fixture
def modules() -> Iterator[dict[str, ModuleType]]:
    """Make the page's blocks importable, in their order, beside a client that needs no server."""
    package, connections = ModuleType("shop"), ModuleType("shop.connections")
    package.__path__ = []
    connections.client = _Client()  # type: ignore[attr-defined]
    made = {"shop": package, "shop.connections": connections}
    sys.modules.update(made)
    try:
        for path, code in BLOCKS:
            name = path.replace("/", ".")
            made[name] = sys.modules[name] = ModuleType(name)
            exec(compile(code, f"docs/skills.md:{path}", "exec"), vars(made[name]))
        yield made
    finally:
        for name in made:
            del sys.modules[name]


def test_all_blocks_are_found() -> None:
    assert [path for path, _ in BLOCKS] == ["shop/redis_functions", "shop/redis_skill", "shop/test_redis"]
    assert PAGE.count("```python") == len(BLOCKS)


def test_the_tests_on_the_page_pass(modules: dict[str, ModuleType]) -> None:
    tests = [value for name, value in vars(modules["shop.test_redis"]).items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


def test_the_skill_of_functions_is_good(modules: dict[str, ModuleType]) -> None:
    with beamlens.testing.SkillHarness(modules["shop.redis_functions"].redis) as redis:
        redis.assert_good()
        assert redis.snapshot() == {"connected": True, "memory_used_mb": 3.0}
        assert redis.lua("return #redis_slowlog(7)") == 7
        assert "### redis_slowlog(count: int = 10)" in redis.access.ask(CALLBACK_DOCS).value


def test_the_page_names_what_there_is() -> None:
    members = [name for name in vars(Skill) if not name.startswith("_") and name != "pid"]
    for name in [*members, *BaseCallbacks().callbacks()]:
        assert f"`{name}" in PAGE, name
    assert f"{SIZE // 1024} KiB" in PAGE
    assert f"{QUEUE} calls wait" in PAGE
