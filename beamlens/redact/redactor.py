"""The one door: plain data goes in, the same data without secrets comes out."""

from __future__ import annotations

import dataclasses
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta
from enum import Enum
from typing import Any, Final

from beamlens.errors import ConfigurationError
from beamlens.redact.assignments import is_option, redact_assignments
from beamlens.redact.known import checked_values, forms, secrets_of_environment
from beamlens.redact.mark import DROPPED, REDACTED
from beamlens.redact.names import SecretNames
from beamlens.redact.shapes import SHAPES, Shape, goes_on

__all__ = ["Redactor"]

DEEPEST: Final = 64
ROUNDS: Final = 4
_NEITHER: Final = (bool, int, float, complex, type(None), date, time, timedelta, Enum)

_Clean = Callable[[str], str]

logger = logging.getLogger("beamlens.redact")


class Redactor:
    """Take secrets out of plain data: by known values, by the names they are under, and by what they look like.

    Thread-safe. Numbers, times, structure and ids stay as they are; only texts change, and names of dicts that
    contain a secret. Time grows in proportion to the data.

    Args:
        patterns: regular expressions of a user's own; what they match is taken out, or only their group `secret`.
        keys: more names whose values are secrets, whatever they are; see `SecretNames`.
        values: more secrets, of 4 characters or more; they are taken out wherever and however coded they stand.
        environment: where secret values are looked for; this process' environment if it is None, `{}` for nowhere.

    Raises:
        ConfigurationError: a pattern that is none or that matches nothing at all, an empty name, a value too short.
    """

    def __init__(
        self,
        patterns: Iterable[str | re.Pattern[str]] = (),
        keys: Iterable[str] = (),
        values: Iterable[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._names = SecretNames(keys)
        found = secrets_of_environment(os.environ if environment is None else environment, self._names)
        self._known = forms([*found, *checked_values(values)])
        self._own = tuple(_own_shape(pattern) for pattern in patterns)

    def __repr__(self) -> str:
        return f"<Redactor: {len(self._known)} forms of known secrets, {len(self._own)} patterns>"

    def redact(self, value: Any) -> Any:
        """Return the value without secrets. Never raises; any thread.

        Args:
            value: plain data: dicts, lists, tuples, sets, texts, bytes, numbers, times; dataclasses of such.

        Returns:
            New data of the same structure. Where anything goes wrong, or for what cannot be looked into, the text
            `[dropped: redaction failed]` stands for the whole value: nothing passes that was not looked at.
        """
        try:
            texts: list[str] = []
            _collect(value, texts, 0)
            return _Pass(self._names, self._cleaner("\n".join(texts))).value(value, 0)
        except Exception as error:
            # Without the exception's text, which may quote the record.
            logger.warning("a record of type %s was dropped: %s", type(value).__name__, type(error).__name__)
            return DROPPED

    __call__ = redact

    def _cleaner(self, whole: str) -> _Clean:
        """Return what cleans a text of this record: looked for is only what occurs in the record at all."""
        lowered = whole.lower()
        known = [form for form in self._known if form in whole]
        shapes = [shape.sub for shape in SHAPES if shape.may_occur_in(lowered)]
        own = [shape.sub for shape in self._own]
        names = self._names if self._names.may_occur_in(lowered) else None

        def clean(text: str) -> str:
            for form in known:
                text = text.replace(form, REDACTED)
            for sub in shapes:
                text = sub(text)
            if names is not None:
                text = redact_assignments(text, names)
            for sub in own:
                text = sub(text)
            return text

        return lambda text: _settled(text, clean)


def _settled(text: str, clean: _Clean) -> str:
    # A secret may begin right behind another one, and be seen for what it is only when that one is gone.
    for _ in range(ROUNDS):
        cleaned = clean(text)
        if cleaned == text:
            break
        text = cleaned
    return text


class _Unknown(TypeError):
    """A value that cannot be looked into."""


def _collect(value: Any, texts: list[str], depth: int) -> None:
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, bytes | bytearray):
        texts.append(_decoded(value))
    elif not isinstance(value, _NEITHER):
        for part in _parts(value, depth):
            _collect(part, texts, depth + 1)


def _parts(value: Any, depth: int) -> Iterable[Any]:
    if depth >= DEEPEST:
        raise RecursionError(f"deeper than {DEEPEST}")
    if isinstance(value, Mapping):
        return [part for pair in value.items() for part in pair]
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    raise _Unknown(type(value).__name__)


def _decoded(value: bytes | bytearray) -> str:
    return value.decode("utf-8", "surrogateescape")


class _Pass:
    """Rebuild one record."""

    def __init__(self, names: SecretNames, clean: _Clean) -> None:
        self._names = names
        self._clean = clean

    def value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._clean(value)
        if isinstance(value, bytes | bytearray):
            return type(value)(self._clean(_decoded(value)).encode("utf-8", "surrogateescape"))
        if isinstance(value, _NEITHER):
            return value
        if isinstance(value, Mapping):
            return self._mapping(value, depth + 1)
        if isinstance(value, list | tuple):
            return _like(value, self._items(value, depth + 1))
        if isinstance(value, set | frozenset):
            return type(value)(self.value(item, depth + 1) for item in value)
        return self._fields(value, depth + 1)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
        done: dict[Any, Any] = {}
        named = self._named_by_value(value)
        for key, item in value.items():
            hidden = self._names_secret(key) or (named and key == "value")
            done[_free(self.value(key, depth), done)] = self._hide(item) if hidden else self.value(item, depth)
        return done

    def _named_by_value(self, value: Mapping[Any, Any]) -> bool:
        """Tell whether it is `{"name": "password", "value": ...}`."""
        return "value" in value and self._names_secret(value.get("name", value.get("key")))

    def _names_secret(self, name: Any) -> bool:
        # Also as it reads when it is cleaned: what is taken out of it may have hidden where a word ends.
        return isinstance(name, str) and (self._names.secret(name) or self._names.secret(self._clean(name)))

    def _items(self, items: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
        if self._is_pair(items):
            return [self.value(items[0], depth), self._hide(items[1])]
        done, after_option, in_block = [], False, False
        for item in items:
            is_text = isinstance(item, str)
            done.append(self._hide(item) if is_text and (after_option or in_block) else self.value(item, depth))
            after_option = is_text and (is_option(item, self._names) or is_option(done[-1], self._names))
            in_block = is_text and goes_on(item, in_block)
        return done

    def _is_pair(self, items: list[Any] | tuple[Any, ...]) -> bool:
        """Tell whether it is a name and its secret, as headers are: `("authorization", "...")`."""
        if len(items) != 2 or not isinstance(items[0], str | bytes):
            return False
        return self._names_secret(items[0] if isinstance(items[0], str) else _decoded(items[0]))

    def _fields(self, value: Any, depth: int) -> Any:
        changed = {
            field.name: self._hide(found) if self._names.secret(field.name) else self.value(found, depth)
            for field in dataclasses.fields(value)
            for found in (getattr(value, field.name),)
        }
        return type(value)(**changed)

    def _hide(self, value: Any) -> Any:
        """Return a secret's place: its texts taken out, all else as it was."""
        if isinstance(value, str):
            return REDACTED if value else value
        if isinstance(value, bytes | bytearray):
            return type(value)(REDACTED.encode()) if value else value
        if isinstance(value, _NEITHER):
            return value
        if isinstance(value, Mapping):
            done: dict[Any, Any] = {}
            for key, item in value.items():
                done[_free(self._clean(key) if isinstance(key, str) else key, done)] = self._hide(item)
            return done
        if isinstance(value, list | tuple):
            return _like(value, [self._hide(item) for item in value])
        return REDACTED


def _like(value: list[Any] | tuple[Any, ...], items: list[Any]) -> Any:
    if type(value) is list:
        return items
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def _free(key: Any, taken: Mapping[Any, Any]) -> Any:
    """Return the key, with a number where redaction made two keys the same."""
    free, number = key, 1
    while free in taken:
        number += 1
        free = f"{key}#{number}"
    return free


def _own_shape(given: str | re.Pattern[str]) -> Shape:
    try:
        pattern = re.compile(given)
    except (re.error, TypeError) as error:
        raise ConfigurationError(f"pattern {given!r} is no regular expression: {error}") from None
    if not isinstance(pattern.pattern, str) or pattern.match(""):
        raise ConfigurationError(
            f"pattern {given!r} would match nothing at all; one for texts of some length is expected"
        )
    return Shape("own", (), pattern, _only_secret if "secret" in pattern.groupindex else _all_of_it)


def _all_of_it(_: re.Match[str]) -> str:
    return REDACTED


def _only_secret(found: re.Match[str]) -> str:
    begin, end = (edge - found.start() for edge in found.span("secret"))
    return found[0][:begin] + REDACTED + found[0][end:] if begin >= 0 else found[0]
