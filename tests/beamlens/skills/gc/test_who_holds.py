"""The proof that the check `type_growth` asks for, on rows as `gc_holders` returns them."""

from __future__ import annotations

from typing import Any

import pytest
from lupa.lua54 import LuaRuntime

from beamlens.skills.gc_checks import CHECKS

_DRILL = next(check.drill for check in CHECKS if check.name == "type_growth")


def _kept(path: str, objects: int, items: tuple[int, int] | None) -> bool:
    """Return what the drill says of 8 objects, so many of them kept at a path whose container had so many items."""
    lua = LuaRuntime(unpack_returned_tuples=True)
    looks = iter((0, 1))

    def holders(*_: Any) -> Any:
        row = {"path": path, "objects": objects, "root": "module global", "root_name": path}
        if items is not None:
            row["items"] = items[next(looks)]
        return lua.table_from({"asked": 8, "garbage": 0, "paths": lua.table_from([lua.table_from(row)])})

    names = lua.globals()
    names["gc_holders"], names["gc_measure"] = holders, lambda _seconds: None
    names["check"] = lua.table_from({"key": "shop.Session"})
    return bool(lua.execute(_DRILL)["kept"])


@pytest.mark.parametrize(
    ("path", "objects", "items", "expected"),
    [
        ("shop.STORE[...]", 2, (100, 150), True),
        ("shop.STORE[...]", 1, (100, 150), False),
        ("shop.STORE[...]", 8, (100, 100), False),
        ("shop.Visits.last", 4, None, True),
        ("shop.Visits.last", 2, None, False),
        ("thread beamlens.probe.runner.SkillRunner._run._target", 8, None, False),
        ("beamlens.journal.KEPT[...]", 8, (100, 150), False),
        ("beamlens.demo.shop.STORE[...]", 8, (100, 150), True),
    ],
    ids=[
        "a quarter in a container that grew",
        "one of eight",
        "a container that did not grow",
        "half of them without a container",
        "a quarter without a container: what is old may be there too",
        "a thread of our own",
        "a container of our own",
        "the demo is an application",
    ],
)
def test_what_is_proof(path: str, objects: int, items: tuple[int, int] | None, expected: bool) -> None:
    assert _kept(path, objects, items) is expected
