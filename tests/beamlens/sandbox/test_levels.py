"""What is said about this machine is so, and importing is light."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from beamlens import doctor, sandbox
from beamlens.sandbox import Level, SandboxServer, describe_level, level, seccomp
from beamlens.sandbox import levels as levels_module
from benchmarks import __main__ as benchmarks

_HOME = Path(__file__).resolve().parents[3]


def test_this_machine_is_described() -> None:
    if sys.platform == "linux" and seccomp.supported():
        assert level() is Level.FULL
        assert describe_level().startswith("full: ")


def test_without_seccomp_it_is_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp, "why_not", lambda: "no filters here")
    assert level() is Level.LIMITS
    assert "no filters here" in describe_level()
    assert "allow_reduced" in describe_level()
    assert any(finding.status == "warning" and "no filters" in finding.text for finding in doctor.report())


def test_elsewhere_it_is_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert level() is Level.PROCESS
    assert describe_level().startswith("process: seccomp is a feature of Linux, this is darwin")
    assert not levels_module.can_fork()
    with SandboxServer.start() as server:
        assert (server.address, server.pid, server.is_alive()) == ("exec:", None, True)


def test_the_doctor_evaluates_something() -> None:
    findings = doctor.report()
    assert {finding.part for finding in findings} >= {"sandbox"}
    assert any("was evaluated in" in finding.text for finding in findings)
    assert all(str(finding).startswith(f"{finding.part}: {finding.status}: ") for finding in findings)


def test_the_doctor_survives_what_it_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "describe_level", lambda: 1 // 0)
    (finding,) = [found for found in doctor.report() if found.part == "sandbox"]
    assert finding.status == "problem"
    assert "ZeroDivisionError" in finding.text


def test_importing_it_imports_little() -> None:
    program = (
        "import json, sys, beamlens.sandbox as s; s.Sandbox; s.SandboxServer; print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=_HOME, capture_output=True, text=True, check=True)
    assert {"lupa", "psutil", "anthropic", "pydantic"}.isdisjoint(json.loads(done.stdout))


def test_the_fork_server_imports_little() -> None:
    program = "import json, sys; from beamlens.sandbox import zygote; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {program}"],
                          cwd=_HOME, capture_output=True, text=True, check=True)  # fmt: skip
    assert {"threading", "asyncio", "pykka", "psutil", "dataclasses", "anthropic"}.isdisjoint(json.loads(done.stdout))


def test_the_prelude_lies_beside_the_code_that_reads_it() -> None:
    """Hatchling packs every file of a package; a wheel, where one was built, has it."""
    assert (_HOME / "beamlens" / "sandbox" / "lua_prelude.lua").is_file()
    for wheel in (_HOME / "dist").glob("beamlens-*.whl"):
        assert "beamlens/sandbox/lua_prelude.lua" in zipfile.ZipFile(wheel).namelist()


def test_the_benchmark_runs_and_prints_its_figures_last(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmarks.main(["sandbox", "--smoke", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    keys = {"spawn_ms_p50", "fork_ms_p50", "spawn_over_fork", "eval_us_p50", "raw_us_p50", "eval_over_raw"}
    keys |= {"callback_us_p50", "callback_over_raw", "kill_ms_p50", "child_pss_mb"}
    assert keys <= figures.keys()
    assert all(figures[key] is None or figures[key] > 0 for key in keys)
