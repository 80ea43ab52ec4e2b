"""Which names are those of secrets: keys of dicts, environment variables, headers, options."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from beamlens.errors import ConfigurationError

__all__ = ["SecretNames"]

# Words that make a name a secret's; `a_b` are two words in a row. Plurals are added.
_SECRET: Final = (
    *("password", "passwd", "pwd", "passphrase", "passcode", "secret", "token", "credential", "cred", "cookie"),
    *("authorization", "jwt", "bearer", "otp", "csrf", "xsrf", "cvv", "cvc", "ssn", "sessionid", "session_id"),
    *("apikey", "accesskey", "secretkey", "privatekey", "api_key", "access_key", "secret_key", "private_key"),
    *("encryption_key", "signing_key", "master_key", "auth_key", "account_key", "accountkey", "shared_key"),
    *("session_key", "ssh_key", "service_key", "deploy_key", "license_key"),
)
# Written together with another word: PGPASSWORD, accesstoken.
_ENDINGS: Final = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
)
# What follows such a word and makes the name an innocent one: `token_count` counts, `password_file` is a path.
_INNOCENT: Final = re.compile(
    r"(?:age|at|attempts?|available|bucket|budget|bytes|changed|counts?|created|dir|directory|domain|enabled|endpoint|"
    r"errors?|expires|expiry|failures|file|format|helper|hits|host|kind|len|length|lifetime|limit|max|min|misses|ms|"
    r"names?|number|path|per|percent|policy|port|provider|rate|ratio|remaining|required|resets?|seconds?|server|size|"
    r"state|status|store|total|ttl|types?|updated|uri|url|usage|used|valid|version)\Z"
)
# A variable of these names holds a path; `pwd` is the working directory's as well as a password's name.
_PATHS: Final = frozenset({"pwd", "oldpwd"})

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_GAP: Final = re.compile(r"[^a-z0-9]+")
_LONGEST: Final = 200


class SecretNames:
    """Tell names of secrets from others, by their words: `dbPassword` is one, `password_length` and `keyspace` are not.

    Args:
        extra: more names; each matches wherever its words stand in a row, such as `licence_plate` in `carLicencePlate`.

    Raises:
        ConfigurationError: a name without a letter or digit.
    """

    def __init__(self, extra: Iterable[str] = ()) -> None:
        more = tuple(_phrase(name) for name in extra)
        phrases = "|".join(re.escape(name) for name in (*_SECRET, *more))
        self._found = re.compile(f"_(?:{phrases})s?(?=_)")
        self._extra = re.compile("|".join(f"_{re.escape(name)}_" for name in more) or r"(?!)")
        self._hints = tuple(sorted({"auth", *(name.split("_")[0] for name in (*_SECRET, *more))}))
        self._cached = lru_cache(maxsize=4096)(self._decide)

    def secret(self, name: str) -> bool:
        """Tell whether what has this name is a secret."""
        return self._cached(name) if len(name) <= _LONGEST else self._decide(name[-_LONGEST:])

    def secret_variable(self, name: str) -> bool:
        """Tell whether an environment variable of this name holds a secret: also `..._KEY`, but not `PWD`."""
        lowered = name.lower()
        return lowered not in _PATHS and (self.secret(name) or lowered.endswith("_key"))

    def may_occur_in(self, lowered: str) -> bool:
        """Tell, quickly, whether there may be a secret's name somewhere in a text, given in lower case."""
        return any(hint in lowered for hint in self._hints)

    def _decide(self, name: str) -> bool:
        joined = _joined(name)
        if self._extra.search(joined):
            return True
        words = joined.strip("_").split("_")
        if _INNOCENT.match(words[-1]):
            return False
        return words[-1] == "auth" or any(map(_ends_like_one, words)) or self._found.search(joined) is not None


def _ends_like_one(word: str) -> bool:
    return word.removesuffix("s").endswith(_ENDINGS)


def _joined(name: str) -> str:
    """Return the words in lower case, with `_` between and around them."""
    return f"_{_GAP.sub('_', _HUMP.sub('_', name).lower()).strip('_')}_"


def _phrase(name: object) -> str:
    phrase = _joined(name).strip("_") if isinstance(name, str) else ""
    if not phrase:
        raise ConfigurationError(f"a name to redact is {name!r}; a text with a letter or digit is expected")
    return phrase
