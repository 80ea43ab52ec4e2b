"""What options may be: checked where they are given, so that nothing wrong travels to another process."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from beamlens.errors import ConfigurationError

__all__ = ["check_names", "check_values"]

_SHORT_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,63}")  # no "/": they become names of files


def check_names(what: str, given: Iterable[str], allowed: Iterable[str]) -> None:
    """Check that there are options of these names.

    Raises:
        ConfigurationError: there is none of one of them; the text lists those there are.
    """
    known = sorted(allowed)
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ConfigurationError(f"{what} has no option {unknown[0]!r}; it has: {', '.join(known)}")


def check_values(what: str, given: Mapping[str, Any]) -> None:
    """Check the values of those options that are numbers, texts or flags; others are left to their owners.

    Raises:
        ConfigurationError: what was given, and what is expected.
    """
    for name, value in given.items():
        rule = _RULES.get(name)
        if rule is not None and not rule[0](value):
            raise ConfigurationError(f"{what}: {name} is {value!r}; {rule[1]} is expected")


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0 and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _are_waits(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(each == 0 or _is_seconds(each) for each in value)


def _is_name(value: Any) -> bool:
    return value is None or (isinstance(value, str) and bool(value))


def _is_short_name(value: Any) -> bool:
    return value is None or (isinstance(value, str) and _SHORT_NAME.fullmatch(value) is not None)


def _is_place(value: Any) -> bool:
    return isinstance(value, bool | str) or hasattr(value, "__fspath__")


def _or_none(rule: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or rule(value)


_FLAG: Final = (lambda value: isinstance(value, bool), "True or False")
_COUNT: Final = (_or_none(_is_count), "a whole number from 1 up")
_SECONDS: Final = (_or_none(_is_seconds), "a number of seconds above 0")
_NAME: Final = (_is_name, "a name")
_GROUP: Final = (_is_short_name, "a name of up to 64 letters, digits and _.:@- that begins with a letter or digit")
_RULES: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "allow_reduced_sandbox": _FLAG,
    "client": _NAME,
    "compaction_keep_last": _COUNT,
    "compaction_max_tokens": _COUNT,
    "continuous": _FLAG,
    "deadline": _SECONDS,
    "group": _GROUP,
    "journal": _FLAG,
    "max_iterations": _COUNT,
    "model": _NAME,
    "node": _GROUP,
    "pace": (_is_seconds, "a number of seconds above 0"),
    "request_seconds": (_is_seconds, "a number of seconds above 0"),
    "retry_waits": (_are_waits, "a list of seconds, from 0 up,"),
    "transcripts": (_is_place, "a directory, True or False"),
}
