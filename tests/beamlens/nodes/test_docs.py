"""The examples of docs/workers.md, run by real servers as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from beamlens.nodes.hub import MOST_NODES
from beamlens.probe.plain import SIZE
from supervision.testing import wait_until
from tests.beamlens.nodes.servers import Served, free_port

PAGE = (Path(__file__).parents[3] / "docs" / "workers.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SETTINGS = 'operators=["vm"], provider="rules", transcripts=False'

WSGI = """
import json

lens = None


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([node.to_dict() for node in lens.nodes()]).encode()]
"""
ASGI = """
import asyncio
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from {life} import lifespan


async def nodes(request):
    found = await asyncio.to_thread(request.app.state.lens.nodes)
    return JSONResponse([node.to_dict() for node in found])


app = Starlette(lifespan=lifespan, routes=[Route("/nodes", nodes)])
"""


def example(word: str) -> str:
    """Return the example that has this word, with a model that needs no key."""
    (code,) = (each for each in EXAMPLES if word in each)
    return str(code.replace('operators=["vm"]', SETTINGS))


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_the_servers(tmp_path: Path, server: str) -> None:
    tmp_path.chmod(0o700)
    port = free_port()
    if server == "gunicorn":
        (tmp_path / "shop.py").write_text(WSGI)
        (tmp_path / "conf.py").write_text(example("def post_fork"))
        arguments = ["gunicorn", "shop:app", "-b", f"127.0.0.1:{port}", "-w", "3", "--no-control-socket"]
        arguments += ["-c", str(tmp_path / "conf.py"), "--pythonpath", str(tmp_path)]
    else:
        (tmp_path / "life.py").write_text(example("async def lifespan"))
        (tmp_path / "shop.py").write_text(ASGI.format(life="life"))
        arguments = ["uvicorn", "shop:app", "--port", str(port), "--workers", "3", "--app-dir", str(tmp_path)]
        arguments += ["--timeout-worker-healthcheck", "60"]
    served = Served(arguments, port, tmp_path, tmp_path / "server.log")
    try:
        nodes = served.wait_for(3)
        if server == "gunicorn":
            assert sorted(node["name"] for node in nodes) == ["web-1", "web-2", "web-3"]
        served.stop()
        wait_until(lambda: not list(served.folder.iterdir()))
    finally:
        served.close()


def test_the_page_says_what_is() -> None:
    assert f"At most {MOST_NODES} processes" in PAGE
    assert f"{SIZE // 1024} KiB" in PAGE
