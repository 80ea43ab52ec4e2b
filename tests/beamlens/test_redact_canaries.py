"""Canaries, each in a place where secrets were seen to leak; and each leaks with its defence switched off."""

from __future__ import annotations

import base64
import json
import threading
import traceback
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest

from beamlens.redact import REDACTED, Redactor, redactor
from beamlens.redact.names import SecretNames

CANARY = "c4n4ry/+söng? &Bird"
TOKEN = "ghp_c4n4rySong5678901234567890123456"
Layer = Literal["known", "names", "shapes"]


def thread_name() -> dict[str, object]:
    thread = threading.Thread(name=f"upload {CANARY}", target=int)
    return {"threads": [{"name": thread.name, "daemon": thread.daemon}]}


def trace() -> str:
    def connect() -> None:
        raise ConnectionError(f"cannot log in with {CANARY!r}")

    try:
        connect()
    except ConnectionError:
        return traceback.format_exc()
    return ""


def coded(offset: int, code: Callable[[bytes], bytes] = base64.b64encode) -> str:
    return code(b"x" * offset + CANARY.encode() + b"yz").decode()


SECRETS: list[tuple[str, Layer, Any, str | bytes]] = [
    ("plain", "known", f"it is {CANARY} here", CANARY),
    ("an innocent key", "known", {"colour": CANARY}, CANARY),
    ("a dict's key", "known", {CANARY: 1}, CANARY),
    ("a thread's name", "known", thread_name(), CANARY),
    ("a traceback", "known", trace(), CANARY),
    ("a URL's query", "known", f"/a?q={urllib.parse.quote(CANARY, safe='')}", urllib.parse.quote(CANARY, safe="")),
    ("a form", "known", f"q={urllib.parse.quote_plus(CANARY)}&b=1", urllib.parse.quote_plus(CANARY)),
    ("lower case percent code", "known", "q=c4n4ry%2f%2bs%c3%b6ng%3f%20%26Bird", "c4n4ry%2f%2bs%c3%b6ng"),
    ("JSON", "known", json.dumps({"colour": CANARY}), json.dumps(CANARY)[1:-1]),
    ("JSON in JSON", "known", json.dumps(json.dumps([CANARY])), json.dumps(json.dumps(CANARY)[1:-1])[1:-1]),
    ("HTML", "known", "<p>c4n4ry/+söng? &amp;Bird</p>", "&amp;Bird"),
    ("bytes", "known", CANARY.encode(), CANARY.encode()),
    ("hexadecimal", "known", CANARY.encode().hex(), CANARY.encode().hex()),
    *((f"base64 at {n}", "known", f"data:{coded(n)}", coded(n)[6:-8]) for n in range(5)),
    ("base64 of URLs", "known", coded(0, base64.urlsafe_b64encode), coded(0, base64.urlsafe_b64encode)[6:-8]),
    ("a key", "names", {"db": {"dbPassword": "c4n4ry"}}, "c4n4ry"),
    ("argv", "names", {"argv": ["psql", "--password", "c4n4ry"]}, "c4n4ry"),
    ("a command line", "names", "psql --password c4n4ry -h db", "c4n4ry"),
    ("an assignment", "names", "connect(host='a', password='c4n4ry')", "c4n4ry"),
    ("a setting in JSON", "names", json.dumps({"clientSecret": "c4n4ry"}), "c4n4ry"),
    ("headers", "names", [["X-Api-Key", "c4n4ry"]], "c4n4ry"),
    ("a URL's password", "shapes", "amqp://ada:c4n4ry@mq/x", "c4n4ry"),
    ("a provider's token", "shapes", {"argv": ["gh", TOKEN]}, TOKEN),
    ("a bearer", "shapes", "sent Bearer c4n4ry12345678", "c4n4ry"),
    ("a JWT", "shapes", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjNG40cnkifQ.", "eyJzdWIiOiJjNG40cnkifQ"),
    ("a PEM", "shapes", "-----BEGIN PRIVATE KEY-----\nc4n4ry\n-----END PRIVATE KEY-----", "c4n4ry"),
]


def found_in(value: Any, canary: Any) -> bool:
    if isinstance(value, dict):
        return any(found_in(part, canary) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(found_in(part, canary) for part in value)
    return isinstance(value, type(canary)) and canary in value


@contextmanager
def switched_off(layer: Layer) -> Iterator[Redactor]:
    environment = {} if layer == "known" else {"APP_SECRET": CANARY}
    with pytest.MonkeyPatch.context() as patch:
        if layer == "names":
            patch.setattr(SecretNames, "secret", lambda self, name: False)
        if layer == "shapes":
            patch.setattr(redactor, "SHAPES", ())
        yield Redactor(environment=environment)


@pytest.mark.parametrize(("layer", "record", "canary"), [row[1:] for row in SECRETS], ids=[row[0] for row in SECRETS])
def test_no_canary_gets_through_and_it_does_without_the_defence(layer: Layer, record: Any, canary: Any) -> None:
    assert found_in(record, canary)
    left = Redactor(environment={"APP_SECRET": CANARY})(record)
    assert not found_in(left, canary)
    assert REDACTED in str(left)
    with switched_off(layer) as weak:
        assert found_in(weak(record), canary)
