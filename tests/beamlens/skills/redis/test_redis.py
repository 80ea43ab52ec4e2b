"""The Redis skill of docs/skills.md, as it stands there, on a real Redis server."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from beamlens.errors import SkillError
from beamlens.testing import OperatorHarness, SkillHarness
from tests.beamlens.skills.redis_server import RedisServer, redis_server

_PAGE = (Path(__file__).parents[4] / "docs" / "skills.md").read_text()
_BLOCKS = dict(re.findall(r"```python\n# (shop/\w+)\.py\n(.*?)```", _PAGE, re.DOTALL))
_FUNCTIONS, _CLASS = "shop/redis_functions", "shop/redis_skill"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as found:
        yield found


@pytest.fixture
def shop(server: RedisServer) -> Iterator[dict[str, ModuleType]]:
    """Make the page's two skills importable, beside a client of the server."""
    package, connections = ModuleType("shop"), ModuleType("shop.connections")
    package.__path__ = []
    client = connections.client = server.client()  # type: ignore[attr-defined]
    made = {"shop": package, "shop.connections": connections}
    sys.modules.update(made)
    for path in (_FUNCTIONS, _CLASS):
        name = path.replace("/", ".")
        made[name] = sys.modules[name] = ModuleType(name)
        exec(compile(_BLOCKS[path], f"docs/skills.md:{path}", "exec"), vars(made[name]))
    yield made
    client.close()
    for name in made:
        del sys.modules[name]


@pytest.mark.parametrize("form", [_FUNCTIONS, _CLASS])
def test_both_forms_are_good_skills_on_a_real_server(
    shop: dict[str, ModuleType], server: RedisServer, form: str
) -> None:
    module, client = shop[form.replace("/", ".")], shop["shop.connections"].client
    client.config_set("slowlog-log-slower-than", 0)
    for number in range(30):
        client.set(f"session:{number}", "s3cr3t", ex=60)
        client.get(f"session:{number + 15}")
    given = {} if form == _FUNCTIONS else {"client": client}
    with SkillHarness(module.redis if form == _FUNCTIONS else module.RedisSkill, **given) as redis:
        redis.assert_good()
        assert redis.snapshot()["connected"] is True
        assert 0.1 < redis.snapshot()["memory_used_mb"] < 100
        assert redis.lua("return #redis_slowlog(7)") == 7
        assert redis.lua("return redis_slowlog(5)[1].duration") >= 0
        numbers = [row["id"] for row in redis.call("redis_slowlog", 50)]
        assert len(numbers) == 50
        assert numbers == sorted(numbers, reverse=True)


def test_the_class_tells_hits_clients_and_info(shop: dict[str, ModuleType]) -> None:
    client = shop["shop.connections"].client
    client.set("price", 5)
    for name in ("price", "price", "price", "nothing"):
        client.get(name)
    with SkillHarness(shop["shop.redis_skill"].RedisSkill, client=client) as redis:
        data = redis.snapshot()
        assert (data["hit_rate"], data["memory_used_part"], data["connected_clients"]) == (0.75, None, 1)
        assert redis.lua("return redis_info().redis_version") == client.info()["redis_version"]
        assert redis.lua("return redis_info().db0.keys") == 1


def test_memory_near_its_limit_is_reported_by_the_rules_and_memory_far_from_it_is_not(
    shop: dict[str, ModuleType],
) -> None:
    skill, client = shop["shop.redis_skill"].RedisSkill, shop["shop.connections"].client
    client.config_set("maxmemory", 20 * 2**20)
    with OperatorHarness(skill, client=client) as operator:
        assert operator.run("slow pages").notifications == ()
    for number in range(17):
        client.set(f"catalogue:{number}", b"x" * 2**20)
    with OperatorHarness(skill, client=client) as operator:
        [found] = operator.run("slow pages").notifications
    assert found.anomaly_type == "memory_near_limit"
    assert re.match(r"Redis uses 0\.[89]\d* of its memory limit", found.observation)


def test_a_server_that_is_gone_is_said_and_one_that_is_back_is_asked_again(
    shop: dict[str, ModuleType], server: RedisServer
) -> None:
    with SkillHarness(shop["shop.redis_functions"].redis) as redis:
        assert redis.snapshot()["connected"] is True
        server.stop()
        with pytest.raises(SkillError, match="ConnectionError"):
            redis.snapshot()
        server.start()
        assert redis.snapshot()["connected"] is True
