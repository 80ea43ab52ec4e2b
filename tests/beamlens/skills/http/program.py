"""Real web applications, on uvicorn and on a threading WSGI server, that the `http` skill watches from inside."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import uvicorn
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from beamlens.skills.http import Http, wrap
from supervision.testing import wait_until
from tests.beamlens.skills.answering import answer_all

LOCK = threading.Lock()
NUMBER = [0]


def checkout(_request: Request) -> Response:
    with LOCK:
        ask_the_bank()
    return PlainTextResponse("paid")


def ask_the_bank() -> None:
    time.sleep(0.4)


async def wait_for_partner(_request: Request) -> Response:
    await partner_answers()
    return PlainTextResponse("never")


async def partner_answers() -> None:
    await asyncio.Event().wait()


async def failing(_request: Request) -> Response:
    NUMBER[0] += 1
    if NUMBER[0] % 5 == 0:
        price_of({})
    return JSONResponse({"ok": True})


def price_of(product: dict[str, int]) -> int:
    return product["price"]


async def order(request: Request) -> Response:
    return PlainTextResponse(request.path_params["number"])


async def report(_request: Request) -> Response:
    await asyncio.sleep(1.2)
    return PlainTextResponse("a report")


async def stream(_request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x"
            await asyncio.sleep(0.5)

    return StreamingResponse(parts())


def page(_request: Request) -> Response:
    sum(range(20_000))
    return PlainTextResponse("a page")


class Timing(BaseHTTPMiddleware):
    """Runs the rest of the application in a task of its own, as such middlewares do."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)


def starlette() -> Any:
    routes = [
        Route("/checkout", checkout, methods=["GET", "POST"]),
        Route("/partner", wait_for_partner),
        Route("/failing", failing),
        Route("/orders/{number}", order),
        Route("/report", report),
        Route("/stream", stream),
        Route("/page", page),
    ]
    app = Starlette(routes=routes)
    app.add_middleware(Timing)
    return app


def plain_wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"].startswith("/checkout"):
        with LOCK:
            ask_the_bank()
    if environ["PATH_INFO"] == "/failing":
        price_of({})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return iter([b"paid"])


class _Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def serve_asgi(app: Any) -> int:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", access_log=False))
    threading.Thread(target=server.run, daemon=True, name="web").start()
    wait_until(lambda: server.started, timeout=30)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


def serve_wsgi(app: Any) -> int:
    server = make_server("127.0.0.1", 0, app, server_class=_Threaded, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True, name="web").start()
    return server.server_port


class Observed(Http):
    port = 0

    def callbacks(self) -> dict[str, Callable[..., Any]]:
        return {**super().callbacks(), "port": lambda: self.port}


def main() -> None:
    skill = Observed()
    skill.start()
    skill.port = serve_wsgi(wrap(plain_wsgi)) if sys.argv[1] == "wsgi" else serve_asgi(wrap(starlette()))
    answer_all(skill)
    skill.stop()


if __name__ == "__main__":
    main()
