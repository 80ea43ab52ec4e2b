"""What came from outside, made harmless for a terminal and for a page."""

from __future__ import annotations

__all__ = ["harmless", "one_line"]

_KEPT = "\n\t"


def harmless(text: object) -> str:
    r"""Return a text whose control and invisible characters are written out, as `\x1b`; line ends and tabs stay."""
    return "".join(each if each.isprintable() or each in _KEPT else _escaped(each) for each in str(text))


def one_line(text: object, longest: int = 200) -> str:
    """Return a text as one line of at most so many characters, made harmless."""
    found = " ".join(harmless(str(text)[: longest * 4]).split())
    return found if len(found) <= longest else f"{found[: longest - 3]}..."


def _escaped(character: str) -> str:
    return ascii(character)[1:-1]
