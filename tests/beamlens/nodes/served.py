"""A web application for tests, in both of the ways in which servers call one; one of its processes can be made sick.

/pid        which process answers
/sick       make the one that answers sick: from now on each of its requests leaves a thread behind
/nodes      the processes that the operators see
/run        what the coordinator finds
/http       the requests that all of them have answered, as the operator for it sees them
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from beamlens.lens import Lens
from beamlens.skills.http import wrap
from beamlens.supervisor import Beamlens

OPTIONS: dict[str, Any] = {"operators": ["vm", "http"], "provider": "rules", "transcripts": False, "pace": 0.5}
lenses: list[Lens] = []
_sick = threading.Event()
_next = [0.0]


def start(**more: Any) -> Lens:
    """Make this process a member of the group."""
    lens = Beamlens.start(group="shop", **OPTIONS, **more)
    lenses.append(lens)
    return lens


def leave_a_thread() -> None:
    """Do what a broken client library does, but five times a second at most: start a thread that nobody ends."""
    if time.monotonic() < _next[0]:
        return
    _next[0] = time.monotonic() + 0.2
    threading.Thread(target=threading.Event().wait, name="orders-client", daemon=True).start()


def answer(path: str) -> Any:
    """Answer a request."""
    if _sick.is_set():
        leave_a_thread()
    if path == "/sick":
        _sick.set()
    if path == "/nodes":
        return [node.to_dict() for node in lenses[0].nodes()]
    if path == "/run":
        return lenses[0].run("are all workers well?", deadline=50).to_dict()
    if path == "/http":
        return lenses[0].operator("http").run("how many?").snapshots[-1].data
    return {"pid": os.getpid()}


def _wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Be called by gunicorn."""
    body = json.dumps(answer(environ["PATH_INFO"]), default=str).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


@asynccontextmanager
async def _life() -> AsyncIterator[None]:
    lens = await asyncio.to_thread(start)
    try:
        yield
    finally:
        await asyncio.to_thread(lens.stop)


async def _asgi(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]) -> None:
    """Be called by uvicorn."""
    if scope["type"] == "lifespan":
        await receive()
        async with _life():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = json.dumps(await asyncio.to_thread(answer, scope["path"]), default=str).encode()
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


wsgi = wrap(_wsgi, kind="wsgi")
asgi = wrap(_asgi, kind="asgi")
