from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
# What an application that watches itself must not have to load.
HEAVY = ["anthropic", "lupa", "pydantic", "psutil", "multiprocessing", "asyncio", "httpx"]


def loaded_by(statement: str) -> set[str]:
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_importing_the_packages_loads_nothing_heavy() -> None:
    loaded = loaded_by("import beamlens, supervision")
    assert {"beamlens", "supervision"} <= loaded
    assert loaded.isdisjoint(HEAVY)


def test_supervision_does_not_load_beamlens() -> None:
    assert "beamlens" not in loaded_by("import supervision, supervision.telemetry, supervision.testing")


def test_both_packages_say_that_they_are_typed() -> None:
    assert all((ROOT / package / "py.typed").is_file() for package in ("supervision", "beamlens"))


def test_constraints_pin_every_declared_dependency_and_name_no_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    declared = {line.split(">")[0].split("[")[0] for lines in (project["dependencies"], *extras) for line in lines}
    text = (ROOT / "constraints.txt").read_text()
    pins = [line for line in text.splitlines() if not line.startswith("#")]
    assert declared <= {pin.split("==")[0] for pin in pins}
    assert all(pin.count("==") == 1 for pin in pins)
    assert "://" not in text
    assert "@" not in text


def test_imports_go_downward_only() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr
