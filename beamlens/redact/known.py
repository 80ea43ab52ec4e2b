"""Known secrets, and the forms in which they turn up: as they are, escaped, in URLs, in base64, in hexadecimal."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, quote_plus, unquote

from beamlens.errors import ConfigurationError
from beamlens.redact.mark import REDACTED
from beamlens.redact.names import SecretNames

__all__ = ["checked_values", "forms", "secrets_of_environment"]

SHORTEST_OF_ENVIRONMENT: Final = 8
SHORTEST: Final = 4
# A coded form shorter than this would turn up by chance.
_SHORTEST_CODED: Final = 8
_SHORTEST_LINE: Final = 16

# Defaults that are words: taking them out everywhere would hide much and protect nothing.
_WORD: Final = re.compile(
    r"(?:changeme|default|disabled|development|enabled|example|localhost|optional|password|postgres|production|"
    r"required|testtest|undefined|username)\Z",
    re.IGNORECASE,
)
_PASSWORD_IN_URL: Final = re.compile(r"://[^\s/:@]*:([^\s/]+)@")
_PERCENT: Final = re.compile("%[0-9A-F]{2}")


def secrets_of_environment(environment: Mapping[str, str], names: SecretNames) -> list[str]:
    """Return the values of variables whose names look secret, and passwords in URLs; 8 characters or more."""
    found = [value.strip() for name, value in environment.items() if names.secret_variable(name)]
    found += [found.group(1) for value in environment.values() for found in _PASSWORD_IN_URL.finditer(value)]
    found += [unquote(value) for value in found if "%" in value]
    return [value for value in found if len(value) >= SHORTEST_OF_ENVIRONMENT and not _is_word(value, names)]


def _is_word(value: str, names: SecretNames) -> bool:
    return _WORD.match(value) is not None or (value.isalpha() and names.secret(value))


def checked_values(values: Iterable[str]) -> list[str]:
    """Return the values that a user registered.

    Raises:
        ConfigurationError: one is no text, or shorter than 4 characters. The text does not show it.
    """
    found = list(values)
    for index, value in enumerate(found):
        if not isinstance(value, str) or len(value.strip()) < SHORTEST:
            given = f"{len(value)} characters" if isinstance(value, str) else type(value).__name__
            raise ConfigurationError(f"secret value {index} is {given}; a text of {SHORTEST} or more is expected")
    return found


def forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return every form of the secrets that is looked for, the longest first."""
    found = {form for secret in secrets for part in (secret, *_long_lines(secret)) for form in _forms(part)}
    # What is a part of the mark itself would be replaced again and again.
    return tuple(sorted((form for form in found if form not in REDACTED), key=lambda form: (-len(form), form)))


def _long_lines(secret: str) -> list[str]:
    """Return the lines of a secret that has several, such as a key file: a log shows them one by one."""
    lines = [line.strip() for line in secret.splitlines()]
    return [line for line in lines if len(line) >= _SHORTEST_LINE and not line.startswith("-----")] if lines[1:] else []


def _forms(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    coded = {*_base64(raw), raw.hex(), raw.hex().upper()}
    return {secret, *_escaped(secret), *_in_urls(raw), *(form for form in coded if len(form) >= _SHORTEST_CODED)}


def _escaped(secret: str) -> set[str]:
    once = {
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        html.escape(secret),
        html.escape(secret, quote=False),
    }
    return once | {json.dumps(form)[1:-1] for form in once}


def _in_urls(raw: bytes) -> set[str]:
    # Programs differ in which characters they leave as they are, and in the case of the digits.
    upper = {quote(raw, safe=safe) for safe in ("", "/", "!'()*", "!'()*/:@&=+$,;?#")} | {quote_plus(raw)}
    return upper | {_PERCENT.sub(lambda code: code[0].lower(), form) for form in upper}


def _base64(raw: bytes) -> set[str]:
    """Return what all base64 texts have in common that contain these bytes at a place 0, 1 or 2 modulo 3."""
    found = set()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw).decode()
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        found.add(text[first:last])
    return found | {text.replace("+", "-").replace("/", "_") for text in found}
