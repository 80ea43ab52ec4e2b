"""The command itself: what it needs, what it imports, what it prints where."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from beamlens.report.text import harmless, one_line
from tests.beamlens.cli.test_live import beamlens
from tests.beamlens.control.programs import ROOT, environment


def python(code: str, runtime: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**environment(runtime), **variables},
        timeout=50,
        check=False,
    )


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_extra_it_says_what_to_install(tmp_path: Path, missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from beamlens.cli import main; sys.exit(main(['ps']))"
    done = python(code, tmp_path)
    assert done.returncode == 3
    assert "pip install 'beamlens[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_and_wrong_usage(tmp_path: Path) -> None:
    done = beamlens(tmp_path, "--help")
    assert done.returncode == 0
    for name in ("ps", "tree", "message", "run", "cancel", "events", "runs", "report", "replay", "doctor", "demo"):
        assert name in done.stdout
    assert "Exit codes" in done.stdout
    for wrong in (["frob"], ["message", "vm"], ["ps", "--pid", "x"], ["ps", "--frob"]):
        done = beamlens(tmp_path, *wrong)
        assert done.returncode == 2, wrong
        assert "Traceback" not in done.stderr
        assert "beamlens --help" in done.stderr


def test_looking_at_programs_imports_no_sdk_and_starts_nothing(tmp_path: Path) -> None:
    code = """
import json, sys
from beamlens.cli import main
code = main(["ps", "--json"])
heavy = {"anthropic", "lupa", "psutil", "beamlens.supervisor", "beamlens.demo"}.intersection(sys.modules)
from supervision.process.application import running
print(json.dumps([code, sorted(heavy), running()]))
"""
    done = python(code, tmp_path)
    assert json.loads(done.stdout.splitlines()[-1]) == [0, [], False]


def test_colours_come_on_a_terminal_alone(tmp_path: Path) -> None:
    code = """
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    from beamlens.cli import main
    os._exit(main(["message", "vm", "hi"]))
data = b""
while True:
    try:
        more = os.read(terminal, 4096)
    except OSError:
        break
    if not more:
        break
    data += more
os.waitpid(child, 0)
print("colours" if b"\\x1b[" in data else "plain", b"no program" in data)
"""
    shown = {"TERM": "xterm-256color", "NO_COLOR": ""}
    assert python(code, tmp_path, **shown).stdout.strip() == "colours True"
    assert python(code, tmp_path, **{**shown, "NO_COLOR": "1"}).stdout.strip() == "plain True"
    assert "\x1b" not in beamlens(tmp_path, "message", "vm", "hi").stderr


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m beamlens.cli --help | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(tmp_path),
        timeout=50,
        check=False,
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_the_doctor_tells_findings(tmp_path: Path) -> None:
    done = beamlens(tmp_path, "doctor", "--json")
    findings = json.loads(done.stdout)
    assert done.returncode == int(any(each["status"] == "problem" for each in findings))
    assert {"part", "status", "text", "advice"} == set(findings[0])


def test_a_new_skill_works_as_it_is(tmp_path: Path) -> None:
    assert beamlens(tmp_path, "new-skill", "open_orders", "--directory", str(tmp_path)).returncode == 0
    code = """
from open_orders_skill import OpenOrdersSkill
from beamlens.probe.specs import skill_spec
spec = skill_spec(OpenOrdersSkill)
skill = OpenOrdersSkill()
print(spec.name, skill.snapshot().keys(), skill.callbacks()["open_orders_threads"]())
"""
    done = python(code, tmp_path, PYTHONPATH=f"{ROOT}:{tmp_path}")
    assert done.stdout.startswith("open_orders dict_keys(['threads']) ['MainThread'"), done.stderr
    again = beamlens(tmp_path, "new-skill", "open_orders", "--directory", str(tmp_path))
    assert (again.returncode, "left as it is" in again.stderr or "left as it was" in again.stderr) == (2, True)
    for wrong in ("Orders", "a-b", "../x", "1a", "a b", "\u00e4"):
        assert beamlens(tmp_path, "new-skill", wrong, "--directory", str(tmp_path)).returncode == 2, wrong


def test_the_tests_of_a_new_skill_pass_and_fail_with_it(tmp_path: Path) -> None:
    assert beamlens(tmp_path, "new-skill", "open_orders", "--directory", str(tmp_path)).returncode == 0
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    variables = {**environment(tmp_path), "PYTHONPATH": f"{ROOT}:{tmp_path}"}

    def tested() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            run, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=120, check=False
        )

    done = tested()
    assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout
    file = tmp_path / "open_orders_skill.py"
    file.write_text(file.read_text().replace('"threads":', '"thread_objects": object(), "threads":'))
    failed = tested()
    assert (failed.returncode, "unserializable" in failed.stdout) == (1, True), failed.stdout


@pytest.mark.parametrize("number", [*range(32), 127, 0x9B, 0x202E, 0x2028, 0xFEFF, 0xE000, 0xD800])
def test_control_and_invisible_characters_are_written_out(number: int) -> None:
    text = f"a{chr(number)}b"
    assert one_line(text).isprintable()
    if chr(number) not in "\n\t":
        assert harmless(text).isprintable()
        assert harmless(text) != text


def test_other_characters_stay() -> None:
    text = "Grüße, 世界 🌍 <b> [red]x[/red]\tline\nnext"
    assert harmless(text) == text
    assert one_line("x" * 300, 10) == "xxxxxxx..."
