"""Secrets that a text gives to a name: `password=...`, `"api_key": "..."`, `--token ...`."""

from __future__ import annotations

import re
from typing import Final

from beamlens.redact.mark import REDACTED
from beamlens.redact.names import SecretNames

__all__ = ["is_option", "redact_assignments"]

# `name=`, `name: `, `"name": `, `('name', `, `--name `; also in a repr or in JSON in JSON, where quotes have
# backslashes before them and the end of a line is the letter n. A name is read once, from its beginning.
_NAME: Final = re.compile(
    r"""
    (?: \\[nrt] | (?<![A-Za-z0-9_.-]) )
    (?P<dashes>--?)?
    (?P<name>[A-Za-z][A-Za-z0-9_.-]*+)
    (?: \\*+["']?[ \t]{0,4}(?:=>|:=|=|:)[ \t]{0,4}(?:b(?=\\*["']))?
      | \\*+["'],[ \t]{0,4}b?(?=\\*["'])
      | (?(dashes)[ \t]{1,4}(?!-)|(?!)) )
    """,
    re.VERBOSE,
)
_VALUE: Final = re.compile(
    r"""
      "(?P<double>(?:\\.|[^"\\\n])*+)
    | '(?P<single>(?:\\.|[^'\\\n])*+)
    | (?P<slashes>\\++)(?P<quote>["'])(?P<escaped>.*?)(?:(?<!\\)(?P=slashes)(?P=quote)|$)
    | (?P<bare>(?:\[redacted\]|[^\s,;&"'<>(){}\[\]])(?:\[redacted\]|[^\s,;&"'<>)}\]])*+)
    """,
    re.VERBOSE | re.MULTILINE,
)
# What says that there is none, and is worth knowing.
_NOTHING: Final = re.compile(r"(?:|none|null|nil|true|false|undefined|\*+|-)\Z", re.IGNORECASE)
_COUNT: Final = re.compile(r"[0-9][0-9_.]{0,8}\Z")
# A call in a line of source code, which says where a secret comes from and not what it is.
_CODE: Final = re.compile(r"os\.(?:environ|getenv)\b|[A-Za-z_][A-Za-z0-9_.]*+\([^()\n\"']{0,200}\)")
_OPTION: Final = re.compile(r"--?(?P<name>[A-Za-z][A-Za-z0-9_.-]*)\Z")


def redact_assignments(text: str, names: SecretNames) -> str:
    """Return the text without the values of secret names. Takes time in proportion to the text."""
    parts: list[str] = []
    done = at = 0
    while (found := _NAME.search(text, at)) is not None:
        at = found.end("name")
        value = _VALUE.match(text, found.end()) if names.secret(found["name"]) else None
        if value is None or value.lastgroup is None:
            continue
        if value.lastgroup == "bare" and _CODE.match(text, value.start()):
            continue
        begin, at = value.span(value.lastgroup)
        if _says_something(found["name"], text[begin:at]):
            parts += [text[done:begin], REDACTED]
            done = at
    return "".join([*parts, text[done:]]) if parts else text


def _says_something(name: str, value: str) -> bool:
    return not (_NOTHING.match(value) or ("token" in name.lower() and _COUNT.match(value)))


def is_option(text: str, names: SecretNames) -> bool:
    """Tell whether it is an option of a command line whose value, a secret, is the next argument: `--password`."""
    found = _OPTION.match(text) if text.startswith("-") else None
    return found is not None and names.secret(found["name"])
