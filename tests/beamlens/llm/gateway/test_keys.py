"""Keys are in the gateway and nowhere else: not in other processes, answers, events, logs."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from beamlens.llm.secrets import Secrets
from tests.beamlens.llm.gateway.gateways import KEY
from tests.beamlens.llm.gateway.programs import CANARY, KEYS, run

HIDDEN = f"{len(CANARY)} False"

SCRUB = """
import os, pathlib, sys
from beamlens.llm.environment import erase_initial, scrub
name = sys.argv[2]
found = {"scrub": lambda: scrub([name]), "erase": lambda: erase_initial([name]), "nothing": lambda: None}[sys.argv[1]]()
block = pathlib.Path("/proc/self/environ").read_bytes()
import ctypes
known = ctypes.CDLL(None).getenv
known.restype = ctypes.c_char_p
print(name.encode() in block, os.environ.get(name), known(name.encode()), b"PATH=" in block, found)
"""


def scrubbed(way: str, name: str = KEY) -> list[str]:
    env = {**os.environ, KEY: CANARY}
    command = [sys.executable, "-c", SCRUB, way, name]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=True).stdout.split()


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="there is no such file here")
def test_scrubbing_reaches_what_others_can_read() -> None:
    assert scrubbed("nothing") == ["True", CANARY, f"b'{CANARY}'", "True", "None"]  # negative control
    assert scrubbed("scrub") == ["False", "None", "None", "True", "None"]
    assert scrubbed("erase") == ["False", CANARY, f"b'{CANARY}'", "True", "1"]
    assert scrubbed("erase", "NOT_THERE_AT_ALL")[-1] == "0"


@pytest.mark.parametrize("launcher", ["zygote", "spawn"])
def test_a_withheld_key_is_in_the_gateway_alone(tmp_path: Path, launcher: str) -> None:
    told, errors = run(KEYS, tmp_path, str(tmp_path), launcher, [KEY], [KEY])
    assert told["gateway"] == HIDDEN  # it has the key, and does not show it
    assert told["operator_knows"] is False
    assert told["operator_shows"] is False
    assert told["gateway_shows"] is False
    assert CANARY not in told["answers"]
    assert "some.http.library" in errors
    assert "it failed" in errors
    assert CANARY not in errors


def test_scrubbing_helps_where_nothing_was_withheld(tmp_path: Path) -> None:
    told, _ = run(KEYS, tmp_path, str(tmp_path), "zygote", [], [KEY])
    assert (told["operator_knows"], told["operator_shows"], told["gateway_shows"]) == (False, False, False)


def test_without_either_operators_show_it(tmp_path: Path) -> None:
    """Negative control."""
    told, _ = run(KEYS, tmp_path, str(tmp_path), "zygote", [], [])
    assert (told["operator_knows"], told["operator_shows"]) == (True, True)
    assert told["gateway"] == HIDDEN


@pytest.mark.parametrize(
    "text",
    [
        CANARY,
        f"https://host/?key={CANARY}&x",
        "sk-c4n4ry%2B0123456789%2Fabcdef",
        "c2stYzRuNHJ5KzAxMjM0NTY3ODkvYWJjZGVm",
        "Basic dXNlcjpzay1jNG40cnkrMDEyMzQ1Njc4OS9hYmNkZWY=",
        "Basic eDpzay1jNG40cnkrMDEyMzQ1Njc4OS9hYmNkZWY=",
        "Basic c2suOnNrLWM0bjRyeSswMTIzNDU2Nzg5L2FiY2RlZg==",
    ],
)
def test_texts_are_searched_in_all_forms(text: str) -> None:
    hidden = Secrets([CANARY]).hide(f"before {text} after")
    assert "[key]" in hidden
    assert "before" in hidden
    assert "after" in hidden
    assert "YzRuNHJ5" not in hidden


def test_innocent_texts_and_short_values_stay() -> None:
    assert Secrets([CANARY, "abc"]).hide("abc sk-c4n4ry") == "abc sk-c4n4ry"
    assert CANARY not in repr(Secrets([CANARY]))


@pytest.fixture
def guarded(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def test_log_records_are_made_safe(guarded: pytest.LogCaptureFixture) -> None:
    plain = logging.getLogRecordFactory()
    Secrets([CANARY]).guard_logs()
    try:
        log = logging.getLogger("a.library")
        log.debug("headers %r", {"authorization": f"Bearer {CANARY}"})
        log.info("nothing %s", "special")
        log.info(*("arguments that do not fit %s %s", CANARY))
        try:
            raise ValueError(CANARY)
        except ValueError:
            log.exception("it failed")
    finally:
        logging.setLogRecordFactory(plain)
    assert CANARY not in guarded.text
    assert "nothing special" in guarded.text
    assert "could not be made" in guarded.text
    assert "ValueError: [key]" in guarded.text


def test_unguarded_they_are_not(guarded: pytest.LogCaptureFixture) -> None:
    """Negative control."""
    logging.getLogger("a.library").debug("headers %r", {"authorization": f"Bearer {CANARY}"})
    assert CANARY in guarded.text
