"""What is known of the libraries that call other services: which method does it, whom it calls, and with what timeout.

They are found in `sys.modules` and never imported. Hosts and ports are read, and the method or command; no path, query,
header, body or argument is.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

__all__ = ["LIBRARIES", "Described", "Library"]

_WAITING_COMMANDS: Final = ("BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "XREAD",
                            "XREADGROUP", "SUBSCRIBE", "PSUBSCRIBE", "WAIT")  # fmt: skip
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Described:
    """Say whom a call goes to: `host:port`, the method or command, and whether it has a timeout (None: not known).

    Args:
        waits: it is a command that is meant to wait.
        library: by which it is made, where one method serves several; empty: by the one that has the method.
    """

    host: str
    what: str
    has_timeout: bool | None
    waits: bool = False
    library: str = ""


@dataclass(frozen=True, slots=True)
class Library:
    """Name one method that makes calls.

    Args:
        name: for people.
        module, owner, method: where it is.
        is_async: it is a coroutine function.
        describe: given `self`, the arguments and the keyword arguments, says whom the call goes to.
        connects: it opens a connection: its failures count, its successes are no calls yet.
    """

    name: str
    module: str
    owner: str
    method: str
    is_async: bool
    describe: Callable[[Any, tuple[Any, ...], dict[str, Any]], Described]
    connects: bool = False

    def found(self) -> type | None:
        """Return the class, if the application has loaded it."""
        owner = getattr(sys.modules.get(self.module), self.owner, None)
        return owner if isinstance(owner, type) and self.method in owner.__dict__ else None


def _httpx(_client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Described:
    request = args[0] if args else kwargs["request"]
    url, timeout = request.url, request.extensions.get("timeout")
    limited = any(value is not None for value in timeout.values()) if isinstance(timeout, dict) else None
    return Described(_named(url.host, url.port, url.scheme), str(request.method), limited)


def _aiohttp(session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Described:
    base = getattr(session, "_base_url", None)
    url = urlsplit(str(args[1] if len(args) > 1 else kwargs.get("str_or_url", "")))
    if not url.hostname and base is not None:
        url = urlsplit(str(base))
    given = kwargs.get("timeout", session._timeout)
    if type(given).__name__ != "ClientTimeout":
        given = given if isinstance(given, int | float) or given is None else session._timeout
    limits = [getattr(given, name, None) for name in ("total", "sock_read", "sock_connect", "connect")]
    limited = any(limit is not None for limit in limits) or isinstance(given, int | float)
    return Described(_named(url.hostname, url.port, url.scheme), str(args[0] if args else "?"), limited)


def _redis(client: Any, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Described:
    command = str(args[0]).split(" ", 1)[0].upper() if args else "?"
    return _redis_call(client, command)


def _redis_pipeline(pipeline: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Described:
    return _redis_call(pipeline, "PIPELINE")


def _redis_call(client: Any, command: str) -> Described:
    settings = client.connection_pool.connection_kwargs
    host = settings.get("host") or ("unix socket" if settings.get("path") else "localhost")
    limited = settings.get("socket_timeout") is not None
    return Described(_named(host, settings.get("port"), "redis"), command, limited, command in _WAITING_COMMANDS)


def _http_client(connection: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Described:
    sock = getattr(connection, "sock", None)
    limit = sock.gettimeout() if isinstance(sock, socket.socket) else getattr(connection, "timeout", None)
    limit = limit if limit is None or isinstance(limit, int | float) else socket.getdefaulttimeout()
    method = getattr(connection, "_method", None) or "?"
    package = type(connection).__module__.partition(".")[0]
    library = "http.client" if package == "http" else package
    return Described(_named(connection.host, connection.port, ""), str(method), limit is not None, library=library)


def _named(host: Any, port: Any, scheme: str) -> str:
    shown = port if isinstance(port, int) else _PORTS.get(scheme)
    return f"{host}:{shown}" if shown is not None else str(host)


LIBRARIES: Final = (
    Library("httpx", "httpx", "Client", "send", False, _httpx),
    Library("httpx", "httpx", "AsyncClient", "send", True, _httpx),
    Library("httpx2", "httpx2", "Client", "send", False, _httpx),
    Library("httpx2", "httpx2", "AsyncClient", "send", True, _httpx),
    Library("aiohttp", "aiohttp.client", "ClientSession", "_request", True, _aiohttp),
    Library("redis", "redis.client", "Redis", "execute_command", False, _redis),
    Library("redis", "redis.client", "Pipeline", "execute", False, _redis_pipeline),
    Library("redis", "redis.asyncio.client", "Redis", "execute_command", True, _redis),
    Library("redis", "redis.asyncio.client", "Pipeline", "execute", True, _redis_pipeline),
    # Below requests, urllib3, urllib.request and botocore, so that all of these are seen by one.
    Library("http.client", "http.client", "HTTPConnection", "getresponse", False, _http_client),
    Library("http.client", "http.client", "HTTPConnection", "connect", False, _http_client, connects=True),
    Library("urllib3", "urllib3.connection", "HTTPConnection", "connect", False, _http_client, connects=True),
    Library("urllib3", "urllib3.connection", "HTTPSConnection", "connect", False, _http_client, connects=True),
)
"""The methods, outermost first where one uses another."""
