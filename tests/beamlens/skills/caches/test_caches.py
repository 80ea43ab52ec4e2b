"""The skill `caches`: its shape, its callbacks, its page, and what it leaves behind: nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamlens.errors import ConfigurationError, SkillError
from beamlens.skills.caches import Caches
from beamlens.skills.caches_checks import CHECKS
from beamlens.skills.caches_docs import DOCS
from beamlens.skills.heap.members import about_bytes, newest_members
from beamlens.skills.heap.registered import RegisteredCaches
from beamlens.testing import SkillHarness
from supervision.testing import wait_until
from tests.beamlens.skills.sound import assert_sound

_PAGE = Path(__file__).parents[4] / "docs" / "skills" / "caches.md"


class Store:
    def __init__(self) -> None:
        self.entries = {f"secret-key-{number}": [number] for number in range(500)}


STORE = Store()
_PATH = f"{__name__}.STORE.entries"


class _Ready(Caches):
    """Its examples name a class of a shop, which there is none of here."""

    def callback_docs(self) -> str:
        return DOCS.replace("shop.models.Session", f"{__name__}.Store")

    def snapshot(self) -> dict[str, object]:
        if not self._history.last.found:
            self._look(1.0)
        return super().snapshot()


@pytest.fixture
def skill() -> Iterator[SkillHarness]:
    with SkillHarness(Caches, watched={"mine": [1, 2, 3]}) as harness:
        wait_until(lambda: _PATH in _paths(harness), timeout=20)
        yield harness


def _paths(harness: SkillHarness) -> list[str]:
    return [row["path"] for row in harness.call("caches_list", 50)["containers"]]


@pytest.mark.slow
def test_it_is_sound() -> None:
    examples: dict[str, list[list[object]]] = {
        "caches_info": [[_PATH]],
        "caches_who_keeps": [[f"{__name__}.Store"]],
        "caches_anywhere": [[0.1, 2]],
    }
    assert_sound(_Ready, examples)


def test_a_container_is_told_with_its_holder_and_its_members_types(skill: SkillHarness) -> None:
    wait_until(lambda: _PATH in json.dumps(skill.call("caches_list", 50)), 30)  # a large process takes several looks
    found = skill.call("caches_info", _PATH)
    assert found["items"] == 500
    assert found["newest"] == [{"type": "list", "count": 100}]
    kept = skill.call("caches_who_keeps", _PATH)
    assert kept["paths"][0]["path"] == _PATH
    assert kept["paths"][0]["root"] == "module global"


def test_a_class_is_told_with_who_keeps_its_objects(skill: SkillHarness) -> None:
    kept = skill.call("caches_who_keeps", f"{__name__}.Store")
    assert kept["asked"] == 1
    assert kept["paths"][0]["path"] == f"{__name__}.STORE"


@pytest.mark.parametrize("callback", ["caches_info", "caches_who_keeps"])
@pytest.mark.parametrize("name", ["", "no.such.thing", "x" * 5000, "../../etc/passwd", "[...]"])
def test_what_is_not_there_is_told_with_what_is_expected(skill: SkillHarness, callback: str, name: str) -> None:
    with pytest.raises(SkillError, match="a path as in caches_list") as caught:
        skill.call(callback, name)
    assert caught.value.kind == "bad_arguments"


@pytest.mark.parametrize("seconds", [0.0, -1.0, 11.0, 1e18])
def test_looking_anywhere_takes_no_longer_than_allowed(skill: SkillHarness, seconds: float) -> None:
    with pytest.raises(SkillError, match="at most 10 is expected"):
        skill.call("caches_anywhere", seconds)


def test_a_cache_that_was_given_is_told_by_its_name(skill: SkillHarness) -> None:
    row = skill.snapshot()["registered"][0]
    assert (row["path"], row["items"], row["kind"], row["bound"]) == ("mine", 3, "list", None)


def test_a_cache_that_was_given_grows_or_has_a_bound() -> None:
    class Limited(dict[int, int]):
        maxsize = 10_000

    plain: dict[int, int] = {}
    limited = Limited()
    caches = RegisteredCaches({"plain": plain, "limited": limited})
    for second in range(20):
        plain.update(dict.fromkeys(range(100 * second, 100 * second + 100), 0))
        limited.update(plain)
        caches.look(float(second))
    assert [row["path"] for row in caches.growing()] == ["plain"]
    assert {row["path"]: row["steady"] for row in caches.rows()} == {"plain": True, "limited": True}


def test_what_has_no_length_cannot_be_given() -> None:
    with pytest.raises(ConfigurationError, match="something with a len"):
        Caches(watched={"odd": 5})  # type: ignore[dict-item]


def test_the_newest_members_are_sampled_and_sized_without_asking_them() -> None:
    class Odd:
        def __sizeof__(self) -> int:
            raise AssertionError("code of the application ran")

    container = {number: number for number in range(1000)}
    assert newest_members(container, 3) == [999, 998, 997]
    assert newest_members(list(container), 3) == [997, 998, 999]
    assert newest_members(object()) == []
    size, kinds = about_bytes([Odd() for _ in range(10)])
    assert size > 0
    assert list(kinds.values()) == [10]
    large, _ = about_bytes([b"x" * 10_000 for _ in range(50)])
    assert large == pytest.approx(50 * 10_033, rel=0.05)


def test_without_its_collector_it_says_what_is_missing() -> None:
    data = Caches().snapshot()
    assert data["containers"]["growing"] == []
    assert "does not run" in data["missing"][0]


def test_the_page_has_the_callbacks_word_for_word_all_checks_and_all_fields() -> None:
    text = _PAGE.read_text(encoding="utf-8")
    assert DOCS in text
    for check in CHECKS:
        assert f"`{check.name}`" in text
    for field in Caches().snapshot():
        assert f"`{field}`" in text
