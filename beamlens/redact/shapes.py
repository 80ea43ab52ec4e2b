"""What looks like a secret wherever it stands: tokens of providers, keys, URLs with a password, headers.

All of it takes time in proportion to the text: a pattern that could begin inside of what another attempt has already
read is anchored before it, or takes what it read along, secret or not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from beamlens.redact.mark import REDACTED

__all__ = ["CARD_NUMBER", "SHAPES", "Shape", "goes_on"]

# A number of a payment card; not among the shapes, since other numbers look the same: give it as a pattern.
CARD_NUMBER: Final = r"(?<![0-9A-Za-z])(?:\d[ -]?){12,18}\d(?![0-9A-Za-z])"


@dataclass(frozen=True, slots=True)
class Shape:
    """Replace what looks like one kind of secret.

    Args:
        name: for people.
        hints: in lower case; a text without any of them has no such secret, which is quickly found out.
        pattern: what to look for.
        replace: gives the text in place of a match.
    """

    name: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    replace: Callable[[re.Match[str]], str]

    def may_occur_in(self, lowered: str) -> bool:
        """Tell, quickly, whether there may be such a secret in a text, given in lower case."""
        return any(hint in lowered for hint in self.hints)

    def sub(self, text: str) -> str:
        """Return the text without such secrets."""
        return self.pattern.sub(self.replace, text)


def _all_of_it(_: re.Match[str]) -> str:
    return REDACTED


_PEM: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)", re.DOTALL)
_BEGIN: Final = "-----BEGIN "
_BODY: Final = re.compile(r"[A-Za-z0-9+/=]*\Z|[A-Za-z-]+: [A-Za-z0-9,-]+\Z")


def goes_on(line: str, inside: bool) -> bool:
    """Tell whether the line after this one belongs to a PEM block, too, `inside` of which this one is or is not."""
    begin = line.rfind(_BEGIN)
    return (begin >= 0 and "-----END " not in line[begin:]) or (inside and _BODY.match(line.strip()) is not None)


_PROVIDERS: Final = re.compile(
    r"""
      sk-(?:ant|proj|svcacct|admin|or)-[A-Za-z0-9_-]{8,}+
    | (?:(?<![A-Za-z0-9_-])|(?<=\\[nrt]))sk-[A-Za-z0-9]{16,}+
    | [rs]k_(?:live|test)_[A-Za-z0-9]{8,}+ | whsec_[A-Za-z0-9+/=]{16,}+
    | gh[pousr]_[A-Za-z0-9]{16,}+ | github_pat_[A-Za-z0-9_]{16,}+ | gl(?:pat|cbt|ptt|rt)-[A-Za-z0-9_-]{16,}+
    | (?:AKIA|ASIA)[A-Z0-9]{16,}+
    | AIza[A-Za-z0-9_-]{30,}+ | ya29\.[A-Za-z0-9_-]{16,}+ | GOCSPX-[A-Za-z0-9_-]{16,}+
    | xox[abeoprs]-[A-Za-z0-9-]{10,}+ | xapp-[A-Za-z0-9-]{10,}+ | hooks\.slack\.com/services/[A-Za-z0-9/]{10,}+
    | npm_[A-Za-z0-9]{30,}+ | pypi-[A-Za-z0-9_-]{40,}+ | (?:(?<![A-Za-z0-9])|(?<=\\[nrt]))hf_[A-Za-z0-9]{20,}+
    | SG\.[A-Za-z0-9_-]{16,64}+\.[A-Za-z0-9_-]{16,}+ | do[opr]_v1_[a-f0-9]{32,}+ | shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32,}+
    | (?:(?<![A-Za-z0-9])|(?<=\\[nrt]))
      (?:gsk|xai|pplx|nvapi|lsv2|tvly|dckr_pat|sntrys|glsa|hvs|r8)[_.-][A-Za-z0-9_.=+/-]{20,}+
    | AGE-SECRET-KEY-1[A-Z0-9]{16,}+
    """,
    re.VERBOSE,
)

# The rest may be missing in the pattern, not in a token: without it, what was read is put back, and not read again.
_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_-]{7,}+(?P<rest>\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+)?)?")

_URL: Final = re.compile(
    r"""://(?: (?P<user>[^\s/:@"'<>\[\]]*+) : (?P<password>(?:\[redacted\]|[^\s/"'<>])*) @
           | (?P<token>[^\s/?\#:@"'<>\[\]]{12,}+) @ )""",
    re.VERBOSE,
)

_BEARER: Final = re.compile(r"(?P<word>(?<![A-Za-z0-9])bearer[ \t]{1,4})[A-Za-z0-9._~+/=-]{8,}+", re.IGNORECASE)

# To the end of the line: what such headers have is several words.
_HEADER: Final = re.compile(
    r"""(?P<head>(?<![A-Za-z0-9])(?:proxy-|set-)?(?:authorization|cookie)\\*["']?[ \t]{0,4}[:=][ \t]{0,4}\\*["']?)
        [^\s"'\\{\[(][^\r\n"'\\]*+""",
    re.VERBOSE | re.IGNORECASE,
)


def _jwt(found: re.Match[str]) -> str:
    return REDACTED if found["rest"] else found[0]


def _url(found: re.Match[str]) -> str:
    return f"://{REDACTED}@" if found["token"] else f"://{found['user']}:{REDACTED}@"


def _after_word(found: re.Match[str]) -> str:
    return found[1] + REDACTED


_PREFIXES: Final = (
    *("sk-", "k_live_", "k_test_", "whsec_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    *("glpat-", "glcbt-", "glptt-", "glrt-", "akia", "asia", "aiza", "ya29.", "gocspx-", "xox", "xapp-", "hooks.slack"),
    *("npm_", "pypi-", "hf_", "sg.", "_v1_", "shpat_", "shpca_", "shppa_", "shpss_", "gsk_", "xai-", "pplx-"),
    *("nvapi-", "lsv2_", "tvly-", "dckr_pat", "sntrys_", "glsa_", "hvs.", "r8_", "age-secret-key"),
)

SHAPES: Final[tuple[Shape, ...]] = (
    Shape("PEM block", ("-----begin ",), _PEM, _all_of_it),
    Shape("JSON web token", ("eyj",), _JWT, _jwt),
    Shape("token of a provider", _PREFIXES, _PROVIDERS, _all_of_it),
    Shape("URL with a password", ("://",), _URL, _url),
    Shape("bearer token", ("bearer",), _BEARER, _after_word),
    Shape("header", ("authorization", "cookie"), _HEADER, _after_word),
)
