"""What went wrong with a provider, as a ModelFailure: its kind, whether to try again, and a text without any key.

What is retryable: connections that break, timeouts, 408, 409, 429, 5xx and what is no message of the protocol. What is
not: 400, 401, 403, 404 and their kin, a refusal, and whatever the server itself says must not be repeated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from beamlens.llm.model import FailureKind, ModelFailure

__all__ = [
    "Scrubber",
    "connection_failure",
    "malformed",
    "read_key",
    "retry_after",
    "status_failure",
    "timeout_failure",
]

_LONGEST_TEXT = 400

_BY_STATUS: dict[int, tuple[FailureKind, bool]] = {
    400: ("invalid_request", False),
    401: ("authentication", False),
    402: ("permission", False),
    403: ("permission", False),
    404: ("not_found", False),
    408: ("server", True),
    409: ("server", True),
    413: ("context_window", False),
    429: ("rate_limited", True),
    503: ("overloaded", True),
    529: ("overloaded", True),
}

# How providers say that a conversation is too long, and that a 429 is no matter of waiting.
_TOO_LONG = re.compile(r"prompt is too long|context_length_exceeded|maximum context length|context window", re.I)
_USED_UP = re.compile(r"insufficient_quota|credit balance|billing", re.I)

# Forms of keys, of any provider: some servers repeat a part of the key that they refuse.
_KEY_SHAPES = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai)-[\w*.\-]{4,}|\bAIza[\w\-]{8,}|\bAKIA\w{8,}|\bya29\.[\w\-.]+|Bearer\s+\S+"
)
_HIDDEN = "***"


class Scrubber:
    """Take keys out of texts.

    Args:
        secrets: the values to hide; empty ones are ignored.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        # Longest first, or what contains another one would be left in parts; escaped, as `repr` would show it.
        forms = {form for secret in secrets if secret for form in (secret, repr(secret)[1:-1])}
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return the text, shortened, without keys and on one line."""
        for form in self._forms:
            text = text.replace(form, _HIDDEN)
        text = " ".join(_KEY_SHAPES.sub(_HIDDEN, text).split())
        return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 3] + "..."

    def __repr__(self) -> str:
        return f"<Scrubber of {len(self._forms)} forms>"


def read_key(variable: str, environ: Mapping[str, str]) -> str | None:
    """Return the key in an environment variable, None where it is not set.

    Raises:
        ValueError: its value cannot be sent in a header; the text does not show it.
    """
    key = environ.get(variable, "").strip()
    if not key:
        return None
    if not key.isascii() or not key.isprintable():
        raise ValueError(f"the value of {variable} has characters that no key has; set it to the key alone")
    return key


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds that a server asks to wait: `retry-after-ms`, or `retry-after` in seconds or as a date.

    Source: RFC 9110, 10.2.3; the milliseconds are a habit of Anthropic's and OpenAI's servers.

    Args:
        headers: of the answer, names in lower case or of any case where the mapping ignores it.
        now: the time, for a date; None for the clock's.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    given = headers.get("retry-after")
    seconds = _number(given)
    if seconds is not None or given is None:
        return seconds
    try:
        until = parsedate_to_datetime(given)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    # Neither "nan" nor "inf" says when.
    return max(0.0, value) if value is not None and abs(value) < 1e9 else None


def status_failure(provider: str, status: int, headers: Mapping[str, str], body: str, scrub: Scrubber) -> ModelFailure:
    """Say an answer with an error status as a failure.

    Args:
        provider: who answered, for the text.
        status: the HTTP status.
        headers: of the answer.
        body: of the answer.
        scrub: takes keys out of the text.
    """
    kind, retryable = _BY_STATUS.get(status, ("server", True) if status >= 500 else ("invalid_request", False))
    if kind == "invalid_request" and _TOO_LONG.search(body):
        kind = "context_window"
    if headers.get("x-should-retry") == "false" or (status == 429 and _USED_UP.search(body)):
        retryable = False
    number = headers.get("request-id") or headers.get("x-request-id")
    text = f"{provider} answered {status}{_advice(status, headers)}: {_message(body)}"
    text += f" (request {number})" if number else ""
    return ModelFailure(kind, scrub(text), retryable, retry_after(headers) if retryable else None, status)


def _advice(status: int, headers: Mapping[str, str]) -> str:
    if 300 <= status < 400:
        # Followed, it would carry the key to wherever it points.
        return f", a redirection to {headers.get('location', 'nowhere')} which is not followed; set base_url"
    return ""


def _message(body: str) -> str:
    """Return what an error's body says, in whichever form it is."""
    try:
        data: Any = json.loads(body)
    except ValueError:
        return body.strip() or "no text"
    if isinstance(data, list) and data:  # Google's
        data = data[0]
    error = data.get("error", data) if isinstance(data, dict) else data
    if isinstance(error, dict):
        kind = error.get("type") or error.get("code") or error.get("status")
        said = error.get("message")
        return ": ".join(str(part) for part in (kind, said) if part) or json.dumps(error)
    return str(error)


def connection_failure(provider: str, error: BaseException, scrub: Scrubber) -> ModelFailure:
    """Say that no answer came, or not all of it."""
    said = str(error) or type(error).__name__
    cause = error.__cause__
    detail = f"{said} ({type(cause).__name__}: {cause})" if cause is not None else said
    return ModelFailure("connection", scrub(f"{provider} could not be reached or broke off: {detail}"), retryable=True)


def timeout_failure(provider: str, seconds: float) -> ModelFailure:
    """Say that no answer came in time."""
    return ModelFailure("timeout", f"{provider} did not answer within {seconds:g} s", retryable=True)


def malformed(provider: str, what: str, scrub: Scrubber) -> ModelFailure:
    """Say that the answer was no message of the protocol."""
    return ModelFailure(
        "malformed", scrub(f"{provider} sent what is no message of its protocol: {what}"), retryable=True
    )
