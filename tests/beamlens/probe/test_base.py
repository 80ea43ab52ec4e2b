"""The callbacks that every skill has: time, node, and the project's own source code alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from beamlens.errors import SkillError
from beamlens.skills.base import BaseCallbacks
from beamlens.skills.source import ProjectSource, project_roots

CODE = '"""Orders."""\n\nimport os\n\n\nclass Order:\n    def save(self, at):\n        return at\n\n\nLIMIT = 3\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for file, text in {
        "pyproject.toml": "[project]\nname = 'x'\nkey = 'hunter2'\n",
        "shop/__init__.py": "",
        "shop/orders.py": CODE,
        "shop/.env": "KEY=hunter2\n",
        "shop/settings.json": '{"key": "hunter2"}',
        ".hidden/secret.py": "KEY = 'hunter2'\n",
        "env/pyvenv.cfg": "home = /usr\n",
        "env/lib/thing.py": "KEY = 'hunter2'\n",
        "lib/site-packages/thing.py": "KEY = 'hunter2'\n",
    }.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "outside.py").write_text("KEY = 'hunter2'\n")
    (root / "shop" / "link.py").symlink_to(tmp_path / "outside.py")
    (root / "shop" / "settings.py").symlink_to(root / "shop" / "settings.json")
    (root / "shop" / "inner.py").symlink_to(root / "shop" / "orders.py")
    os.mkfifo(root / "shop" / "pipe.py")
    return root


@pytest.fixture
def source(project: Path) -> ProjectSource:
    return ProjectSource([project])


def test_the_time_is_now() -> None:
    said = BaseCallbacks().callbacks()["get_current_time"]()
    assert abs(said["unix_ms"] - time.time() * 1000) < 10_000
    assert said["timestamp"].endswith("Z")
    assert said["timestamp"][10] == "T"


def test_the_node_is_described() -> None:
    said = BaseCallbacks().get_node_info()
    assert (said["pid"], said["os_name"], said["implementation"]) == (os.getpid(), sys.platform, "cpython")
    assert said["os_type"] == "unix"
    assert said["python"] == ".".join(map(str, sys.version_info[:3]))
    assert 0 < said["uptime_seconds"] < 10**7
    json.dumps(said)


def test_the_uptime_is_that_of_the_observed_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        said = BaseCallbacks(child.pid).get_node_info()
        child.communicate(b"\n")
    assert said["pid"] == child.pid
    assert said["uptime_seconds"] < 60


def test_the_uptime_of_no_process_is_unknown_and_not_nought() -> None:
    assert BaseCallbacks(2**22 + 1).get_node_info()["uptime_seconds"] is None


def test_each_base_callback_is_documented() -> None:
    base = BaseCallbacks()
    for name in base.callbacks():
        assert f"### {name}(" in base.docs()
        assert f"### {name}(" not in base.docs(without=[name])


# ---- source


@pytest.mark.parametrize(
    ("given", "line", "first", "last"),
    [
        ("shop/orders.py", 7, "2: ", "11: LIMIT = 3"),
        ("shop/orders.py:7", None, "2: ", "11: LIMIT = 3"),
        ("shop/orders.py", None, '1: """Orders."""', "6: class Order:"),
        ("shop/inner.py", 1, '1: """Orders."""', "6: class Order:"),
        ("shop.orders", None, '1: """Orders."""', "6: class Order:"),
        ("shop.orders.Order", None, '1: """Orders."""', "11: LIMIT = 3"),
        ("shop.orders.Order.save", None, "2: ", "11: LIMIT = 3"),
        ("shop.orders.LIMIT", None, "6: class Order:", "11: LIMIT = 3"),
        ("shop.orders", 11, "6: class Order:", "11: LIMIT = 3"),
    ],
)
def test_a_few_lines_of_the_project_are_shown(
    source: ProjectSource, given: str, line: int | None, first: str, last: str
) -> None:
    said = source.show(given, line)
    assert said["file"] == "shop/orders.py"
    assert (said["lines"][0], said["lines"][-1]) == (first, last)


def test_an_empty_file_has_no_lines(source: ProjectSource) -> None:
    assert source.show("shop") == {"file": "shop/__init__.py", "line": 1, "lines": []}


def test_an_absolute_path_inside_will_do(source: ProjectSource, project: Path) -> None:
    assert source.show(str(project / "shop/orders.py"), 6)["line"] == 6


@pytest.mark.parametrize(
    "given",
    [
        "../outside.py",
        "shop/../../outside.py",
        "shop/link.py",
        "shop/settings.py",
        "shop/settings.json",
        "shop/.env",
        ".hidden/secret.py",
        "env/lib/thing.py",
        "lib/site-packages/thing.py",
        "pyproject.toml",
        "shop/pipe.py",
        "shop/",
        "shop/nothing.py",
        "/etc/passwd",
        "/proc/self/environ",
        "os",
        "os.path.join",
        "json.dumps",
        "subprocess",
        "pytest",
        "sys",
        "nothing.at.all",
        "",
        ".",
        "..",
        "\x00.py",
        "x" * 5000 + ".py",
        "shop.orders; import os",
    ],
)
def test_nothing_else_is_shown(source: ProjectSource, given: str) -> None:
    with pytest.raises(SkillError) as raised:
        source.show(given)
    assert raised.value.kind == "refused"
    assert "hunter2" not in raised.value.text


def test_the_refusal_does_not_tell_whether_a_file_exists(source: ProjectSource, tmp_path: Path) -> None:
    texts = []
    for given in (tmp_path / "outside.py", tmp_path / "missing.py"):
        with pytest.raises(SkillError) as raised:
            source.show(str(given))
        texts.append(raised.value.text.replace(given.name, ""))
    assert texts[0] == texts[1]


def test_without_the_root_the_file_outside_would_be_shown(tmp_path: Path, project: Path) -> None:
    assert "hunter2" in ProjectSource([tmp_path]).show("outside.py")["lines"][0]


@pytest.mark.parametrize("line", [0, -1, 12, 10**9])
def test_a_line_that_there_is_not_is_said_so(source: ProjectSource, line: int) -> None:
    with pytest.raises(SkillError, match=rf"no line {line} in shop/orders.py, which has 11"):
        source.show("shop/orders.py", line)


def test_a_function_that_is_loaded_is_found_through_its_wrappers() -> None:
    said = BaseCallbacks().source("tests.beamlens.probe.test_base.test_the_time_is_now")
    assert any("def test_the_time_is_now" in line for line in said["lines"])
    assert said["file"] == "tests/beamlens/probe/test_base.py"


def test_a_huge_file_with_endless_lines_costs_little(source: ProjectSource, project: Path) -> None:
    (project / "big.py").write_text("x" * 5_000_000)
    said = source.show("big.py")
    assert len(said["lines"][0]) < 300


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda top: (top / "app", None), ["app"]),
        (lambda top: (top / "app" / "deep" / "er", None), ["app"]),
        (lambda top: (Path("/"), str(top / "bare" / "main.py")), ["bare"]),
        (lambda top: (top / "app", str(top / "bare" / "main.py")), ["app", "bare"]),
        (lambda top: (Path("/"), None), []),
        (lambda top: (Path.home(), None), []),
    ],
)
def test_the_project_is_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], tuple[Path, str | None]],
    expected: list[str],
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for directory in ("app/deep/er", "bare", "home"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "app" / "pyproject.toml").touch()
    assert project_roots(*make(tmp_path)) == [tmp_path / name for name in expected]
