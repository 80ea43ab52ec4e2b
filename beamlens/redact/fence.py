"""Text from elsewhere, made safe to show: to a model in a prompt, on a terminal, in a log.

A fence is no wall: a model may still be talked into something. What it can do then is what counts, and operators can
only read. The fence keeps text from posing as another part of the prompt, and from hiding what it says.
"""

from __future__ import annotations

import os
import re
import unicodedata
from typing import Final

__all__ = ["fence", "visible"]

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,30}\Z")
_KEPT: Final = frozenset("\n\t")
# Control characters, invisible ones, those that turn the direction of writing, lone surrogates, private ones.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ROLES: Final = "system|user|assistant|human|developer|tool\\w*|function\\w*|instructions?|untrusted\\w*|prompt|antml"
_CHAT: Final = re.compile(r"<(?=\|)|(?<=\|)>|\[(?=/?(?:INST|SYS)\])|^(?=(?:Human|Assistant|System):)", re.MULTILINE)


def visible(text: str, keep: frozenset[str] = _KEPT) -> str:
    """Return the text with every character escaped that cannot be seen or that steers a terminal.

    Args:
        text: anything.
        keep: characters to leave, line ends and tabs if nothing is said.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if _is_visible(character, keep) else _escaped(character) for character in text)


def _is_visible(character: str, keep: frozenset[str]) -> bool:
    return character.isprintable() or character in keep or unicodedata.category(character) not in _HIDDEN


def _escaped(character: str) -> str:
    return ascii(character)[1:-1]


def fence(text: str, tag: str = "untrusted", longest: int = 50_000) -> str:
    """Return the text between two tags that it cannot have foreseen, for a prompt.

        <untrusted-5f0c9a1be2d34c77>
        ...
        </untrusted-5f0c9a1be2d34c77>

    What looks like this tag, or like the mark-up of a conversation, is escaped (`<` to `&lt;`), and so are characters
    that cannot be seen. The system prompt should say that nothing between such tags is an order.

    Args:
        text: from logs, names, exceptions, metrics; redact it before.
        tag: says what it is, such as `snapshot`: lower-case letters, digits and `_`.
        longest: characters that are kept; what is cut is said.

    Raises:
        ValueError: the tag has other characters.
    """
    if not _NAME.match(tag):
        raise ValueError(f"tag is {tag!r}; up to 31 lower-case letters, digits and _ are expected")
    name = f"{tag}-{os.urandom(8).hex()}"
    shown = _disarmed(visible(text[:longest]), tag)
    cut = f"\n[cut here: {len(text) - longest} more characters]" if len(text) > longest else ""
    return f"<{name}>\n{shown}{cut}\n</{name}>"


def _disarmed(text: str, tag: str) -> str:
    looks_like_tag = re.compile(rf"<(?=\s{{0,8}}/?\s{{0,8}}(?:{tag}|{_ROLES})\b)", re.IGNORECASE)
    return _CHAT.sub(lambda found: _CHAT_ESCAPES[found[0]], looks_like_tag.sub("&lt;", text))


_CHAT_ESCAPES: Final = {"<": "&lt;", ">": "&gt;", "[": "&#91;", "": "\\"}
