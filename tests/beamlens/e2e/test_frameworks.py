"""The examples of docs/frameworks.md, run as they stand with the least of each framework."""

from __future__ import annotations

import asyncio
import re
import sys
import types
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from supervision.testing import wait_until

PAGE = (Path(__file__).parents[3] / "docs" / "frameworks.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SETTINGS = 'operators=["vm"], provider="rules", transcripts=False, control=False'


def example(word: str) -> dict[str, Any]:
    """Run the example that has this word, with a model that needs no key."""
    (code,) = (each for each in EXAMPLES if word in each)
    found: dict[str, Any] = {"__name__": "shop.apps"}
    exec(compile(code.replace('operators=["vm"]', SETTINGS), word, "exec"), found)
    return found


def test_an_asgi_lifespan() -> None:
    lifespan = example("async def lifespan")["lifespan"]
    route = {**example("async def investigate"), "JSONResponse": dict}

    async def serve() -> dict[str, Any]:
        app = SimpleNamespace(state=SimpleNamespace())
        async with lifespan(app):
            function = types.FunctionType(route["investigate"].__code__, route)
            answer: dict[str, Any] = await function(SimpleNamespace(app=app))
            assert [status.operator for status in await app.state.lens.alist_operators()] == ["vm"]
        assert not app.state.lens.is_alive()
        return answer

    answer = asyncio.run(serve())
    assert answer["ending"] == "done"
    assert answer["answer"]


def test_a_client_that_goes_away_cancels_its_run() -> None:
    lifespan = example("async def lifespan")["lifespan"]

    async def serve() -> None:
        app = SimpleNamespace(state=SimpleNamespace())
        async with lifespan(app):
            lens = app.state.lens
            task = asyncio.create_task(lens.arun("slow pages"))
            await asyncio.to_thread(wait_until, lambda: lens.status().running)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(wait_until, lambda: not lens.status().running)

    asyncio.run(serve())


@pytest.mark.parametrize("serves", [True, False])
def test_a_django_app(serves: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    apps = types.ModuleType("django.apps")
    apps.AppConfig = type("AppConfig", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "django", types.ModuleType("django"))
    monkeypatch.setitem(sys.modules, "django.apps", apps)
    if serves:
        monkeypatch.setenv("DJANGO_SERVES", "1")
    config = example("class ShopConfig")["ShopConfig"]
    config().ready()
    if serves:
        try:
            assert config.lens.operator("vm").run("look", timeout=30).ok
        finally:
            config.lens.stop()
    else:
        assert config.lens is None


def test_the_hooks_of_a_server_that_forks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    hooks = example("def post_fork")
    worker = SimpleNamespace(pid=42, age=7, lens=None)
    hooks["post_fork"](None, worker)
    lens: Any = worker.lens
    assert lens.operator_names() == ["vm"]
    assert [(node.name, node.elected) for node in lens.nodes()] == [("web-7", True)]
    hooks["worker_exit"](None, worker)
    assert not lens.is_alive()
