"""How a request's route is called: the framework's template, else the path without what looks like a value. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

__all__ = ["asgi_route", "plain_path", "wsgi_route"]

_LONGEST: Final = 120
_MOST_SEGMENTS: Final = 8
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z_.-]{0,23}\Z|v\d{1,2}\Z|\{[A-Za-z_]{1,30}\}\Z")


def asgi_route(scope: Mapping[str, Any]) -> str:
    """Return `/orders/{id}` of a request, as far as the framework has said so by now.

    Args:
        scope: as ASGI defines it; frameworks add `route`, `path_params` to it while they route.
    """
    template = getattr(scope.get("route"), "path", None)
    if isinstance(template, str):
        return (str(scope.get("root_path") or "") + template)[:_LONGEST]
    path, params = str(scope.get("path", "")), scope.get("path_params")
    return _with_parameters(path, params) if params and isinstance(params, Mapping) else plain_path(path)


def wsgi_route(environ: Mapping[str, Any]) -> str:
    """Return the route of a request: of Flask's and Werkzeug's rule where there is one.

    Args:
        environ: as WSGI defines it.
    """
    rule = getattr(getattr(environ.get("werkzeug.request"), "url_rule", None), "rule", None)
    return rule[:_LONGEST] if isinstance(rule, str) else plain_path(str(environ.get("PATH_INFO", "")))


def _with_parameters(path: str, params: Mapping[str, Any]) -> str:
    """Return a path with `{name}` in place of the framework's parameters."""
    segments = path.split("/")
    for name, value in params.items():
        text = str(value)
        if "/" in text:
            segments = "/".join(segments).replace(text, f"{{{name}}}").split("/")
        elif text in segments:
            segments[segments.index(text)] = f"{{{name}}}"
    return plain_path("/".join(segments))


@lru_cache(maxsize=2048)
def plain_path(path: str) -> str:
    """Return a path with `*` for what may be a value: digits, long, or strange segments; `{name}` stays.

    Args:
        path: as it came; it may hold secrets.
    """
    segments = path.strip("/").split("/")
    shown = [_segment(segment) for segment in segments[:_MOST_SEGMENTS]]
    return ("/" + "/".join(shown) + ("/..." if len(segments) > _MOST_SEGMENTS else ""))[:_LONGEST]


def _segment(segment: str) -> str:
    return segment if segment == "" or _PLAIN.match(segment) else "*"
