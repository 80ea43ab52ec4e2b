"""What is taken out, and what must stay."""

from __future__ import annotations

import logging
import time
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from beamlens.domain import Notification, Snapshot, new_id, new_trace_id
from beamlens.errors import ConfigurationError
from beamlens.redact import CARD_NUMBER, DROPPED, REDACTED, Redactor
from beamlens.redact.names import SecretNames

redact = Redactor(environment={})


@pytest.mark.parametrize(
    "name",
    [
        *("password", "dbPassword", "PGPASSWORD", "DB_PASSWORD", "user-passwd", "Token", "accessToken", "authtoken"),
        *("api_key", "apiKey", "X-Api-Key", "APIKEY", "client_secret", "Authorization", "Set-Cookie", "cookies"),
        *("private_key", "aws.secret_access_key", "refresh token", "credentials", "basic_auth", "session_id", "jwt"),
        *("password_hash", "reset_token", "token_id"),
    ],
)
def test_a_name_of_a_secret_is_known_by_its_words(name: str) -> None:
    assert SecretNames().secret(name)
    assert redact({name: "x1"}) == {name: REDACTED}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "token_count",
            "tokenizer",
            "keyspace",
            "key",
            "keys",
            "monkey",
            "author",
            "authority",
            "authorized",
            "pwned",
        ),
        *("secretary", "password_length", "token_limit", "tokens_per_second", "cookie_count", "authorization_url"),
        *("password_file", "secret_name", "token_type", "incredible", "passenger", "compass", "bypass", "tokenTtl", ""),
    ],
)
def test_a_name_that_only_looks_like_one_stays(name: str) -> None:
    assert not SecretNames().secret(name)
    assert redact({name: "x1"}) == {name: "x1"}


def test_variables_are_judged_more_strictly() -> None:
    names = SecretNames()
    assert names.secret_variable("STRIPE_KEY")
    assert not any(map(names.secret_variable, ("PWD", "OLDPWD", "KEYBOARD", "DB_PASSWORD_FILE", "SSH_AUTH_SOCK")))


def test_a_user_s_own_names_match_in_every_spelling() -> None:
    own = Redactor(keys=["licence_plate"], environment={})
    assert own({"carLicencePlate": "B 1", "licence-plate": "B 2", "licence": "B 3"}) == {
        "carLicencePlate": REDACTED,
        "licence-plate": REDACTED,
        "licence": "B 3",
    }
    assert own("licence_plate=B1, plate=B2") == f"licence_plate={REDACTED}, plate=B2"


def test_structure_numbers_times_and_names_stay_under_a_secret_name() -> None:
    at = datetime.now(UTC)
    given = {"secrets": {"a": "text", "n": 5, "f": 1.5, "b": True, "none": None, "at": at, "l": ["t", 1], "e": ""}}
    assert redact(given) == {
        "secrets": {"a": REDACTED, "n": 5, "f": 1.5, "b": True, "none": None, "at": at, "l": [REDACTED, 1], "e": ""}
    }


def test_ids_of_ours_pass_and_texts_without_secrets_are_unchanged() -> None:
    found = Notification(
        "vm", "growth", "info", "at 10:32, 5 of 7", "rss: 3 MB -> 9 MB", (Snapshot({"a": [1]}),), new_trace_id()
    )
    assert redact(found) == found
    assert redact(found.to_dict()) == found.to_dict()
    for text in (
        f"trace_id={new_trace_id()} snapshot {new_id()} id: {new_id()}",
        "GET https://shop.example:8443/cart?item=5#top took=3ms; see git@github.com:a/b.git",
        'File "/srv/shop/cart.py", line 12, in add\n    token = next_token(text)\nKeyError: 5',
        "max_tokens=4096 token_count: 12 keyspace=db0 author=ada password=None secret: true",
        "risk-assessment-of-a-long-name disk-aaaaaaaaaaaaaaaaaaaaaaaa the bearer of news",
    ):
        assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("password=hunter2", "password=*"),
        ("password = hunter2, user=ada", "password = *, user=ada"),
        ("PGPASSWORD=ab/c+d== psql", "PGPASSWORD=* psql"),
        ("{'password': 'hun ter2', 'n': 5}", "{'password': '*', 'n': 5}"),
        ('{"api_key": "a\\"b", "n": 5}', '{"api_key": "*", "n": 5}'),
        ('"{\\"token\\": \\"a\\\\\\"b\\", \\"n\\": 5}"', '"{\\"token\\": \\"*\\", \\"n\\": 5}"'),
        ("('authorization', b'Basic abc')", "('authorization', b'*')"),
        ("note=secret=abc", "note=secret=*"),
        ("?a=1&access_token=abc&b=2", "?a=1&access_token=*&b=2"),
        ("tool --password abc --verbose", "tool --password * --verbose"),
        ("tool --api-key=abc -v", "tool --api-key=* -v"),
        ("'line\\ntoken=abc'", "'line\\ntoken=*'"),
        ("Authorization: Basic dXNlcjpwYXNz x\r\nHost: a", "Authorization: *\r\nHost: a"),
        ("Set-Cookie: sid=abc; Path=/; n=5", "Set-Cookie: *"),
        ("curl -H 'Authorization: Digest a, b' x", "curl -H 'Authorization: *' x"),
        ("sent Bearer abcdef123456 to", "sent Bearer * to"),
        ("postgres://ada:p@ss/w@db", "postgres://ada:*@ss/w@db"),
        ("postgres://ada:p@ss@db/x and https://user@host/", "postgres://ada:*@db/x and https://user@host/"),
        ("redis://:abc@cache:6379/0", "redis://:*@cache:6379/0"),
        ("https://abcdefabcdef1234@github.com/a", "https://*@github.com/a"),
        ("a\n-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\nb", "a\n*\nb"),
        ("-----BEGIN RSA PRIVATE KEY-----\\nMHc and it is cut", "*"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln.", "jwt *."),
    ],
)
def test_a_secret_in_a_text_is_taken_out_and_nothing_else(text: str, left: str) -> None:
    assert redact(text) == left.replace("*", REDACTED)


PROVIDERS = [
    *(
        "sk-ant-api03-AbCd_ef-1234",
        "sk-proj-abcdefgh12345678",
        "sk-" + "a1" * 16,
        "sk_live_abcdefgh1234",
        "ghp_" + "a1" * 18,
    ),
    *("github_pat_" + "a1" * 20, "glpat-" + "a1" * 10, "AKIAIOSFODNN7EXAMPLE", "AIza" + "a1" * 18, "ya29." + "a1" * 18),
    *("GOCSPX-" + "a1" * 10, "xoxb-123456789012-abc", "xapp-1-abcdefghij", "npm_" + "a1" * 18, "pypi-" + "a1" * 30),
    *(
        "hf_" + "a1" * 16,
        "SG." + "a1" * 11 + "." + "b2" * 20,
        "dop_v1_" + "a1" * 32,
        "shpat_" + "a1" * 16,
        "whsec_" + "a1" * 16,
    ),
    *("gsk_" + "a1" * 20, "xai-" + "a1" * 20, "pplx-" + "a1" * 20, "nvapi-" + "a1" * 20, "lsv2_pt_" + "a1" * 20),
    *("tvly-dev-" + "a1" * 20, "dckr_pat_" + "a1" * 20, "sntrys_" + "a1" * 20, "glsa_" + "a1" * 20, "hvs." + "a1" * 20),
    *(
        "r8_" + "a1" * 20,
        "AGE-SECRET-KEY-1" + "A1" * 20,
        "hooks.slack.com/services/T0/B0/abc123",
        "rk_test_abcdefgh1234",
    ),
]


@pytest.mark.parametrize("secret", PROVIDERS)
def test_tokens_of_providers_are_taken_out_wherever_they_stand(secret: str) -> None:
    assert redact(f"at ({secret}), and\\n{secret}") == f"at ({REDACTED}), and\\n{REDACTED}"
    assert redact({"a": [secret, 5]}) == {"a": [REDACTED, 5]}


def test_secrets_beside_their_names_in_lists_and_records() -> None:
    assert redact(["tool", "--password", "abc", "-v"]) == ["tool", "--password", REDACTED, "-v"]
    assert redact([["authorization", "Basic abc"], ("host", "a")]) == [["authorization", REDACTED], ("host", "a")]
    assert redact((b"cookie", b"a=b")) == (b"cookie", REDACTED.encode())
    assert redact({"name": "DB_PASSWORD", "value": "abc"}) == {"name": "DB_PASSWORD", "value": REDACTED}
    lines = [
        "x",
        "-----BEGIN RSA PRIVATE KEY-----",
        "Proc-Type: 4,ENCRYPTED",
        "MIIE",
        "",
        "-----END RSA PRIVATE KEY-----",
        "y z",
    ]
    assert redact(lines) == ["x", REDACTED, REDACTED, REDACTED, "", REDACTED, "y z"]
    assert redact(["-----BEGIN RSA PRIVATE KEY-----", "it was cut", "y"])[2] == "y"


def test_names_of_dicts_are_cleaned_and_stay_apart() -> None:
    own = Redactor(values=["first-secret", "other-secret"], environment={})
    assert own({"first-secret": 1, "other-secret": 2, 5: 3, ("first-secret", 1): 4}) == {
        REDACTED: 1,
        f"{REDACTED}#2": 2,
        5: 3,
        (REDACTED, 1): 4,
    }


def test_known_values_come_from_variables_with_telling_names_and_from_urls() -> None:
    own = Redactor(
        environment={
            "DB_PASSWORD": " canary-one ",
            "DATABASE_URL": "postgres://ada:canary%2Dtwo@db/shop",
            "HOME": "/home/canary-three",
            "API_TOKEN": "short",
            "APP_SECRET": "production",
            "PWD": "/srv/canary-four",
        }
    )
    left = own("canary-one canary%2Dtwo canary-two /home/canary-three short production /srv/canary-four")
    assert left == f"{REDACTED} {REDACTED} {REDACTED} /home/canary-three short production /srv/canary-four"


def test_a_known_secret_of_several_lines_is_known_line_by_line() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIcanaryMIIcanaryMIIcanary\nshort\n-----END PRIVATE KEY-----"
    own = Redactor(environment={"TLS_KEY": key})
    assert own({"log": ["line MIIcanaryMIIcanaryMIIcanary", "short"]}) == {"log": [f"line {REDACTED}", "short"]}


def test_the_environment_of_this_process_is_used_unless_another_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "canary-of-the-process")
    assert Redactor()("canary-of-the-process") == REDACTED
    assert Redactor(environment={})("canary-of-the-process") == "canary-of-the-process"


def test_a_user_s_own_patterns() -> None:
    own = Redactor(patterns=[r"ACME-[0-9]{8}", r"order (?P<secret>\w+)", CARD_NUMBER], environment={})
    assert own("ACME-12345678 ACME-1 order abc 4111 1111 1111 1111") == f"{REDACTED} ACME-1 order {REDACTED} {REDACTED}"
    assert own({"n": 4111111111111111}) == {"n": 4111111111111111}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"patterns": ["("]}, r"pattern '\('"),
        ({"patterns": [5]}, "pattern 5"),
        ({"patterns": ["a*"]}, "nothing at all"),
        ({"patterns": [__import__("re").compile(b"a")]}, "for texts"),
        ({"keys": ["--"]}, "letter or digit"),
        ({"keys": [None]}, "letter or digit"),
        ({"values": ["abc"]}, "is 3 characters"),
        ({"values": [5]}, "is int"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        Redactor(**options)


def test_a_refused_value_and_the_repr_show_no_secret() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Redactor(values=["zqx"])
    assert "zqx" not in str(refused.value)
    assert "canary" not in repr(Redactor(values=["canary-value"], environment={}))


@dataclass(frozen=True, slots=True)
class Login:
    user: str
    password: str


Pair = namedtuple("Pair", ["left", "right"])


def test_other_containers_keep_their_types() -> None:
    assert redact(Login("ada", "abc")) == Login("ada", REDACTED)
    assert redact(Pair("a", "password=abc")) == Pair("a", f"password={REDACTED}")
    assert redact({"s": {"password=abc", 5}, "f": frozenset({"b"})}) == {
        "s": {f"password={REDACTED}", 5},
        "f": frozenset({"b"}),
    }
    assert redact(b"\xff\xfe password=abc") == b"\xff\xfe password=" + REDACTED.encode()
    assert redact(bytearray(b"token=abc")) == bytearray(b"token=" + REDACTED.encode())


def cycle() -> Any:
    items: list[Any] = []
    items.append(items)
    return items


def deep() -> Any:
    items: list[Any] = []
    for _ in range(100_000):
        items = [items]
    return items


@pytest.mark.parametrize("build", [object, cycle, deep, lambda: {"a": [object()]}, lambda: ValueError("canary")])
def test_what_cannot_be_looked_into_is_dropped_whole(
    build: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert redact(build()) == DROPPED
    assert "was dropped" in caplog.text
    assert "canary" not in caplog.text
    assert caplog.records[0].levelno == logging.WARNING


def test_a_defect_of_redaction_drops_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, name: str) -> bool:
        raise MemoryError("canary")

    assert redact({"a": "password=abc"}) == {"a": f"password={REDACTED}"}
    monkeypatch.setattr(SecretNames, "secret", broken)
    assert redact({"a": "password=abc"}) == DROPPED


HOSTILE = [
    *(
        "a",
        " ",
        "-",
        "\\",
        '"',
        "'",
        "=",
        "A=",
        "a-",
        "a.",
        "aA",
        "\\n",
        "\\na",
        "://",
        "://a:",
        "://a:b@",
        "://x@",
        "eyJ",
    ),
    *(
        "eyJaaaaaaaa.",
        "-----BEGIN A-----",
        "-----BEGIN ",
        "--a",
        "sk-",
        "sk-ant-",
        "password=",
        'password="',
        "password='",
    ),
    *('password=\\"', 'password=\\\\"\\"', "password:  \\", "password=a(", "password=[", '"password",', "--password "),
    *(
        "cookie:",
        "cookie:  ",
        "authorization: a",
        "bearer ",
        "bearer    ",
        "SG." + "a" * 20,
        "hooks.slack.com/services/",
        "xox",
    ),
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_texts_take_time_in_proportion_to_their_length(unit: str) -> None:
    """A quadratic pattern would need hours for a megabyte. The bound is thirty times what was measured."""
    text = "password eyJ -- " + unit * (1_000_000 // len(unit)) + " sk- :// !"
    begun = time.perf_counter()
    redact(text)
    assert time.perf_counter() - begun < 15


def seconds_of(own: Redactor, text: str) -> float:
    taken = []
    for _ in range(3):
        begun = time.perf_counter()
        own(text)
        taken.append(time.perf_counter() - begun)
    return min(taken)


def test_a_pattern_that_begins_again_everywhere_would_be_seen() -> None:
    text = "eyJ" * 7_000
    naive = Redactor(patterns=[r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"], environment={})
    assert seconds_of(naive, text) > 5 * seconds_of(redact, text)


def test_many_records_are_done_at_a_megabyte_a_second() -> None:
    row = {
        "name": "worker-5",
        "line": "10:32 INFO shop: order=5 password=abc url=https://a:b@h/x",
        "n": 5,
        "token": "x",
    }
    rows = [row] * 8_000
    begun = time.perf_counter()
    assert "abc" not in repr(redact(rows)[-1])
    assert len(repr(rows)) / (time.perf_counter() - begun) > 1_000_000 / 3  # other loads may run beside
