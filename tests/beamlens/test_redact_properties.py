"""What holds for any data: nothing raises, nothing changes but texts, and what is clean stays as it is."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from beamlens.redact import DROPPED, Redactor

SECRETS = ["s3cr3t-Value/+", "zweites Geheimnis", "dritte=%:s"]
redact = Redactor(values=SECRETS, environment={})

PIECES = st.sampled_from(
    [
        *SECRETS,
        *(
            "password",
            "token",
            "api_key",
            "cookie",
            "authorization",
            "Bearer ",
            "=",
            ": ",
            '"',
            "'",
            "\\",
            "\\n",
            "\n",
            ", ",
        ),
        *(
            "://",
            "@",
            ":",
            "/",
            "eyJ",
            "eyJhbGciOiJ.",
            "abcdefghij1234567890",
            "sk-ant-",
            "AKIA",
            "AKIAIOSFODNN7EXAMPLE",
        ),
        *(
            "-----BEGIN A-----",
            "-----END A-----",
            "--",
            " ",
            "[redacted]",
            "[",
            "]",
            "redacted",
            "(",
            ")",
            "#2",
            "&",
            ";",
            "5",
        ),
    ]
)
TEXTS = st.one_of(st.text(max_size=20), st.lists(PIECES, max_size=12).map("".join))
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS, st.binary(max_size=20))
KEYS = st.one_of(TEXTS, st.integers(), st.sampled_from(["password", "name", "value", "token_count"]))
DATA = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


def outline(value: Any) -> Any:
    """Return the value with every text replaced by its type, names of dicts included."""
    if isinstance(value, dict):
        return [(type(key), outline(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [outline(item) for item in value]
    return type(value) if isinstance(value, str | bytes) else (type(value), value)


@given(DATA)
@settings(max_examples=400, deadline=None)
def test_structure_and_everything_but_texts_stay(value: Any) -> None:
    assert outline(redact(value)) == outline(value)


@given(DATA)
@settings(max_examples=400, deadline=None)
def test_redacting_again_changes_nothing(value: Any) -> None:
    once = redact(value)
    assert redact(once) == once


@given(DATA)
@settings(max_examples=200, deadline=None)
def test_no_known_secret_is_left(value: Any) -> None:
    left = repr(redact(value))
    assert not any(secret in left for secret in SECRETS)


@given(st.text(alphabet="abcdefgh 0123456789.,\n", max_size=200))
@settings(max_examples=200, deadline=None)
def test_plain_prose_and_numbers_pass(text: str) -> None:
    assert redact({"text": text})["text"] == text


@given(st.one_of(DATA, st.builds(object), st.lists(st.builds(object), max_size=2)))
@settings(max_examples=200, deadline=None)
def test_nothing_raises(value: Any) -> None:
    assert redact(value) is not None or value is None
    assert redact([object(), value]) == DROPPED
