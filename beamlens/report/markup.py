"""HTML and SVG whose every text and attribute is escaped by how it is made."""

from __future__ import annotations

import html
from collections.abc import Iterable

from beamlens.report.text import harmless

__all__ = ["Markup", "joined", "tag"]


class Markup(str):
    """A text that is markup already; only `tag` and `joined` make it."""

    __slots__ = ()


def tag(name: str, *children: str | Iterable[str], **attributes: object) -> Markup:
    """Return an element.

    Args:
        name: of the element: a literal of ours.
        children: markup is taken as it is, any other text is escaped.
        attributes: `class_` is `class`, `stroke_width` is `stroke-width`; None leaves one out.
    """
    shown = "".join(
        f' {_attribute(key)}="{_escaped(str(value))}"' for key, value in attributes.items() if value is not None
    )
    inside = joined(*children)
    return Markup(f"<{name}{shown}>{inside}</{name}>")


def joined(*children: str | Iterable[str]) -> Markup:
    """Return markup and texts one after the other; texts escaped."""
    parts = []
    for child in children:
        if isinstance(child, str):
            parts.append(child if isinstance(child, Markup) else _escaped(child))
        else:
            parts.extend(joined(each) for each in child)
    return Markup("".join(parts))


def _attribute(key: str) -> str:
    return key if key in _CAMEL else key.rstrip("_").replace("_", "-")


def _escaped(text: str) -> str:
    return html.escape(harmless(text), quote=True)


_CAMEL = frozenset({"viewBox"})
