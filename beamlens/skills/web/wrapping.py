"""Wrap an ASGI or WSGI application, so that its requests are seen; nothing else of it changes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, MutableMapping
from functools import partial
from typing import Any, Literal

from beamlens.errors import ConfigurationError
from beamlens.skills.web.routes import asgi_route, wsgi_route
from beamlens.skills.web.traffic import Request, traffic

__all__ = ["AsgiWrapper", "WsgiWrapper", "wrap"]

Kind = Literal["asgi", "wsgi"]


class _Wrapper:
    """Pass on what is asked of the application itself: `app.state`, `app.routes`."""

    def __init__(self, app: Any) -> None:
        self.app = app
        traffic.wrapped.add(self)

    def __getattr__(self, name: str) -> Any:
        if name == "app":
            raise AttributeError(name)
        return getattr(self.app, name)


class AsgiWrapper(_Wrapper):
    """Be an ASGI 3 application that counts its requests; made by `wrap`. Costs a few microseconds a request."""

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Let the application answer."""
        kind = scope["type"]
        if not traffic.active or kind not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        request = traffic.begin(kind, str(scope.get("method", "WS"))[:16], partial(asgi_route, scope))

        def watched(message: Any) -> Any:
            if request.first is None and message["type"] == "http.response.start":
                request.respond(message["status"])
            return send(message)

        try:
            await self.app(scope, receive, watched)
        except BaseException as error:
            traffic.end(request, error)
            raise
        traffic.end(request)


class WsgiWrapper(_Wrapper):
    """Be a WSGI application that counts its requests; made by `wrap`."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Let the application answer."""
        if not traffic.active:
            return self.app(environ, start_response)
        method = str(environ.get("REQUEST_METHOD", "?"))[:16]
        request = traffic.begin("wsgi", method, partial(wsgi_route, environ))

        def started(status: str, headers: Any, *rest: Any) -> Any:
            request.respond(int(status[:3]) if status[:3].isdigit() else 0)
            return start_response(status, headers, *rest)

        try:
            body = self.app(environ, started)
        except BaseException as error:
            traffic.end(request, error)
            raise
        # A server sends files and lists in its own quick way, which it would not do for anything around them.
        if isinstance(body, (list, tuple, environ.get("wsgi.file_wrapper", ()))):
            traffic.end(request)
            return body
        return _Body(body, request)


class _Body:
    """Pass on a response's parts; the request is done with when they are."""

    def __init__(self, parts: Any, request: Request) -> None:
        self._parts = parts
        self._iterator: Iterator[bytes] = iter(parts)
        self._request: Request | None = request

    def __iter__(self) -> _Body:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._iterator)
        except BaseException as error:
            self._end(None if isinstance(error, StopIteration) else error)
            raise

    def close(self) -> None:
        """Let the application close its parts."""
        self._end(None)
        close = getattr(self._parts, "close", None)
        if close is not None:
            close()

    def _end(self, error: BaseException | None) -> None:
        request, self._request = self._request, None
        if request is not None:
            traffic.end(request, error)


def wrap(app: Any, kind: Kind | None = None) -> Any:
    """Return an application that does what the given one does, and whose requests the skill `http` sees.

    While no such skill runs, requests are only passed on.

    Args:
        app: an ASGI 3 or WSGI application: Starlette, FastAPI, Django, Flask, or a function.
        kind: which of the two; None to find out by its signature.

    Raises:
        ConfigurationError: it is neither, or that cannot be told.
    """
    if isinstance(app, AsgiWrapper | WsgiWrapper):
        return app
    found = kind or _kind_of(app)
    if found not in ("asgi", "wsgi") or not callable(app):
        raise ConfigurationError(
            f"{app!r} is no ASGI 3 application (scope, receive, send) and no WSGI application (environ, "
            "start_response); give wrap() such a one, and kind='asgi' or 'wsgi' where its signature does not tell"
        )
    return AsgiWrapper(app) if found == "asgi" else WsgiWrapper(app)


def _kind_of(app: Any) -> Kind | None:
    if not callable(app) or isinstance(app, type):
        return None
    call = app if inspect.isroutine(app) else type(app).__call__
    try:
        signature = inspect.signature(app)
        signature.bind(None, None, None)
    except (TypeError, ValueError):
        return "wsgi" if _takes_two(app) else None
    return "asgi" if inspect.iscoroutinefunction(call) or len(signature.parameters) == 3 else None


def _takes_two(app: Any) -> bool:
    try:
        inspect.signature(app).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True
