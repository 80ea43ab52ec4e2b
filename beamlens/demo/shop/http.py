"""HTTP/1.1 as far as the shop needs it: requests without bodies, answers of known length, connections that stay."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

__all__ = ["BadRequest", "Request", "Response", "read_request"]

_MOST_HEADERS: Final = 64
_REASONS: Final = {200: "OK", 400: "Bad Request", 404: "Not Found", 500: "Internal Server Error"}


class BadRequest(Exception):
    """What came is no request."""


@dataclass(frozen=True, slots=True)
class Request:
    """Hold one request: `GET /product/7?visitor=ann`."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    keep_alive: bool = True


@dataclass(frozen=True, slots=True)
class Response:
    """Hold one answer."""

    status: int
    body: bytes
    kind: str = "text/html; charset=utf-8"

    @classmethod
    def of(cls, value: Any, status: int = 200) -> Response:
        """Return an answer: a text as a page, all else as JSON."""
        if isinstance(value, str):
            return cls(status, value.encode())
        return cls(status, json.dumps(value).encode(), "application/json")

    def encode(self) -> bytes:
        """Return the bytes to send."""
        head = f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Unknown')}\r\n"
        return f"{head}Content-Type: {self.kind}\r\nContent-Length: {len(self.body)}\r\n\r\n".encode() + self.body


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request of a connection; None at its end.

    Raises:
        BadRequest: what came is none.
    """
    try:
        line = (await reader.readline()).decode("latin-1")
        headers = await _headers(reader) if line else {}
    except (ValueError, ConnectionError) as error:
        raise BadRequest(f"a line is too long, or the connection broke: {error}") from None
    if not line:
        return None
    parts = line.split()
    if len(parts) != 3 or not parts[1].startswith("/"):
        raise BadRequest(f"{line[:100]!r} is no request line; 'GET /path HTTP/1.1' is expected")
    url = urlsplit(parts[1])
    return Request(parts[0], url.path, dict(parse_qsl(url.query)), headers.get("connection", "").lower() != "close")


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    found: dict[str, str] = {}
    while (line := (await reader.readline()).decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        found[name.lower()] = value.strip()
        if len(found) > _MOST_HEADERS:
            raise BadRequest(f"more than {_MOST_HEADERS} headers came")
    return found
