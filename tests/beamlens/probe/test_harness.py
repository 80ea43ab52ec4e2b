"""The harness that users test their skills with: it finds what is wrong with bad ones."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from beamlens.errors import ConfigurationError, SkillError
from beamlens.testing import SkillHarness
from tests.beamlens.probe.skills import BrokenStart, Good, Named, Wrong, plain


class Clean(Named):
    """Do everything right."""

    id = "clean"

    def snapshot(self) -> Mapping[str, Any]:
        return {"n": 1}

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        return {"clean_top": self.top, "clean_find": self.find}

    def callback_docs(self) -> str:
        return "### clean_top(limit)\nThe top.\n\n### clean_find(name)\nOne."

    def top(self, limit: int = 10) -> list[int]:
        return list(range(max(1, min(limit, 50))))

    def find(self, name: str) -> str:
        if name != "known":
            raise ValueError(f"no {name[:20]!r}; there is: known")
        return name


class Unbounded(Clean):
    """Return as many as asked for."""

    id = "clean"

    def top(self, limit: int = 10) -> list[int]:
        return [0] * limit


class Undocumented(Clean):
    """Have no documentation."""

    def callback_docs(self) -> str:
        return ""


class Unprefixed(Clean):
    """Have a callback of any name."""

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        return {"top": self.top}


class Unchecked(Clean):
    """Take whatever comes."""

    def top(self, limit: Any = 10) -> list[int]:
        return [0] * int(limit)

    def find(self, name: str, at: int = 0) -> str:
        return name[at : at + 1 or None] + self._where(name)

    def _where(self, name: str) -> str:
        return {"a": "known"}[name] if name == "a" else name.encode("ascii").decode()


class Traces(Clean):
    """Leave things behind."""

    def start(self) -> None:
        threading.Thread(target=self.until.wait, name="left", daemon=True).start()
        gc.set_threshold(701)

    until: threading.Event


class Slow(Clean):
    """Take long."""

    def snapshot(self) -> Mapping[str, Any]:
        threading.Event().wait(0.02)
        return {}


def test_a_good_skill_passes() -> None:
    with SkillHarness(Clean) as clean:
        assert clean.snapshot() == {"n": 1}
        assert clean.call("clean_top", 2) == [0, 1]
        clean.assert_json_safe()
        clean.assert_quick(1000)
        clean.assert_documented()
        clean.assert_robust({"clean_find": [("known",)]})
    with SkillHarness(Clean) as clean:
        clean.assert_good({"clean_find": [["known"]]})
    with SkillHarness(plain) as made:
        made.assert_good()


def test_keyword_arguments_go_to_the_class() -> None:
    journal: list[str] = []
    with SkillHarness(Good, journal=journal, tag="x") as good:
        assert good.snapshot()["tag"] == "x"
        with pytest.raises(SkillError):
            good.call("good_add", "1")
    assert journal == ["start x", "stop x"]


@pytest.mark.parametrize(
    ("skill", "check", "text"),
    [
        (Wrong, "assert_json_safe", "a dict is expected"),
        (Unbounded, "assert_robust", "clean_top(1000000,) (edge arguments): too_large"),
        (Wrong, "assert_robust", "wrong_loop"),
        (Undocumented, "assert_documented", "no heading '### clean_top(...)'"),
        (Unprefixed, "assert_documented", "does not begin with clean_"),
        (Slow, "assert_quick", "at most 5 ms"),
        (Unchecked, "assert_robust", "UnicodeEncodeError"),
    ],
)
def test_what_is_wrong_is_found(skill: Any, check: str, text: str) -> None:
    with SkillHarness(skill) as harness, pytest.raises(AssertionError) as raised:
        getattr(harness, check)()
    assert text in str(raised.value)


def test_good_arguments_must_give_a_result() -> None:
    with SkillHarness(Clean) as clean, pytest.raises(AssertionError, match="good arguments"):
        clean.assert_robust({"clean_find": [["unknown"]]})


def test_traces_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    threshold, until = gc.get_threshold(), threading.Event()
    monkeypatch.setattr(Traces, "until", until, raising=False)
    try:
        with pytest.raises(AssertionError, match=r"left traces: gc.set_threshold.*left"), SkillHarness(Traces):
            pass
    finally:
        gc.set_threshold(*threshold)
        until.set()


def test_a_start_that_fails_is_told() -> None:
    with pytest.raises(AssertionError, match="failure 1"), SkillHarness(BrokenStart, failures=[1], journal=[]):
        pass


def test_what_is_no_skill_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        SkillHarness(int)


@pytest.fixture
def sandbox() -> None:
    pytest.importorskip("lupa")
    if not sys.platform.startswith("linux"):
        pytest.skip("the sandbox needs Linux")


@pytest.mark.usefixtures("sandbox")
def test_lua_calls_the_callbacks() -> None:
    with SkillHarness(Clean) as clean:
        assert clean.lua("return #clean_top(7) + clean_top()[3]") == 9
        assert clean.lua("return get_node_info().pid") > 0
        with pytest.raises(AssertionError, match="syntax"):
            clean.lua("return (")
