"""What changes in a process, in its last life, and among its siblings."""

from __future__ import annotations

import gc
import json
import logging
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beamlens.errors import SkillError
from beamlens.skills.changes import Changes
from beamlens.skills.changes_checks import CHECKS
from beamlens.skills.differences.facts import differences, fingerprint
from beamlens.skills.differences.lives import Lives
from beamlens.skills.differences.siblings import odd_ones
from beamlens.skills.differences.traffic_mix import TrafficMix, counts_of_http
from beamlens.skills.exception import Exceptions
from beamlens.skills.web.traffic import traffic
from supervision.testing import wait_until
from tests.beamlens.skills.changes import app_settings
from tests.beamlens.skills.judged import Judge
from tests.beamlens.skills.sound import assert_sound

_EXAMPLES: dict[str, list[list[Any]]] = {"changes_list": [[], [5, "runtime"]], "changes_packages": [[], ["pykka"]]}
_MODULE = "tests.beamlens.skills.changes.app_settings"


@pytest.fixture
def skill() -> Iterator[Changes]:
    found = Changes(directory=False, settling_seconds=0.0)
    found.start()
    yield found
    found.stop()


def _keys(skill: Changes) -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in skill.list_(50)["changes"]}


def test_it_is_sound(tmp_path: Path) -> None:
    assert_sound(Changes, _EXAMPLES, directory=str(tmp_path))


def test_nothing_that_stayed_is_told(skill: Changes) -> None:
    assert _keys(skill) == {}
    assert skill.snapshot()["changed"] == 0


def test_settings_are_told_by_name_and_never_by_value(skill: Changes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_settings, "TIMEOUT", 60.0)
    monkeypatch.setattr(app_settings, "API_TOKEN", "another-secret-token")
    monkeypatch.setattr(app_settings.config, "pool_size", 1)
    monkeypatch.setenv("SHOP_DATABASE_URL", "postgres://shop:hunter2secret@db/shop")
    found = _keys(skill)
    names = {f"settings:{_MODULE}.{name}" for name in ("TIMEOUT", "API_TOKEN", "config.pool_size")}
    assert names | {"environment:SHOP_DATABASE_URL"} == set(found)
    assert all(row["was"] is None and row["now"] is None for row in found.values())
    said = json.dumps([found, skill.snapshot(), skill.since_last_start()])
    assert all(secret not in said for secret in ("hunter2", "another-secret", "60.0"))


def test_what_is_put_back_is_told_no_more_and_a_counter_is_no_setting(
    skill: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_settings, "TIMEOUT", 60.0)
    assert len(_keys(skill)) == 1
    monkeypatch.undo()
    assert _keys(skill) == {}
    for number in range(1, 6):
        monkeypatch.setattr(app_settings, "HANDLED", number)
        _keys(skill)
    assert _keys(skill) == {}
    assert skill.snapshot()["moving"] == 1


def test_levels_and_switches_are_told_with_what_they_were(skill: Changes, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("tests.changes")
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    gc.disable()
    try:
        found = _keys(skill)
    finally:
        gc.enable()
    assert (found["runtime:gc"]["was"], found["runtime:gc"]["now"]) == ("on", "off")
    assert found["log_levels:tests.changes"]["now"] == "DEBUG"
    judge = Judge(CHECKS, lambda _: skill.snapshot(), ())
    judge.look()
    assert "tests.changes became DEBUG" in judge.texts(judge.findings()["log_level_lowered"])[0]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory in which a package is installed, before anybody watches."""
    (tmp_path / "some_package-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_package_that_is_replaced_is_a_finding_and_one_that_is_new_is_only_told(
    installed: Path, skill: Changes
) -> None:
    judge = Judge(CHECKS, lambda _: skill.snapshot(), ())
    (installed / "new_package-3.0.dist-info").mkdir()
    skill._watch._next_seldom = 0.0
    assert _keys(skill)["packages:new-package"]["kind"] == "added"
    judge.look()
    assert "code_on_disk_changed" not in judge.findings()
    (installed / "some_package-1.0.dist-info").rename(installed / "some_package-2.0.dist-info")
    skill._watch._next_seldom = 0.0
    found = _keys(skill)["packages:some-package"]
    assert (found["kind"], found["was"], found["now"]) == ("changed", "1.0", "2.0")
    judge.look()
    assert judge.texts(judge.findings()["code_on_disk_changed"])[0].startswith("some-package was changed on disk")


def test_what_a_program_sets_while_it_begins_is_no_change_and_switches_are(monkeypatch: pytest.MonkeyPatch) -> None:
    skill = Changes(directory=False, settling_seconds=60.0)
    skill.start()
    try:
        monkeypatch.setattr(app_settings, "TIMEOUT", 60.0)
        monkeypatch.setenv("SHOP_REGION", "north")
        monkeypatch.setattr(logging.getLogger("tests.changes"), "level", logging.DEBUG)
        monkeypatch.setattr(sys, "excepthook", _theirs)
        assert set(_keys(skill)) == {"runtime:sys.excepthook"}
        skill._watch._began -= 61.0
        assert set(_keys(skill)) == {"runtime:sys.excepthook"}
        monkeypatch.setattr(app_settings, "TIMEOUT", 90.0)
        assert f"settings:{_MODULE}.TIMEOUT" in _keys(skill)
    finally:
        skill.stop()


def test_hooks_of_other_skills_are_no_changes_and_those_of_the_application_are(
    skill: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Exceptions()
    other.start()
    try:
        assert _keys(skill) == {}
    finally:
        other.stop()
    monkeypatch.setattr(sys, "excepthook", _theirs)
    assert _keys(skill)["runtime:sys.excepthook"]["now"].endswith("test_changes._theirs")


def _theirs(*_: Any) -> None:
    """Be a hook of the application's."""


def test_code_that_is_replaced_on_disk_is_told(skill: Changes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop_code_on_disk.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("shop_code_on_disk")
    skill._watch._next_seldom = 1e12  # not all files, only those that are new
    assert not [key for key in _keys(skill) if "shop_code" in key], "what is imported later is no change"
    (tmp_path / "shop_code_on_disk.py").write_text("X = 22\n")
    skill._watch._next_seldom = 0.0
    assert [key for key in _keys(skill) if key.startswith("code:") and "shop_code" in key]
    monkeypatch.delitem(sys.modules, "shop_code_on_disk")


def test_tracing_that_is_left_on_is_a_finding_after_a_while_and_before_is_not(skill: Changes) -> None:
    judge = Judge(CHECKS, lambda _: skill.snapshot(), ())
    tracemalloc.start(1)
    try:
        skill.list_()
        judge.look()
        assert judge.findings() == {}, "whoever looks for allocations may do so for a minute"
        skill._watch._since = {key: at - 100 for key, at in skill._watch._since.items()}
        judge.look()
        assert "tracemalloc" in judge.texts(judge.findings()["tracing_left_on"])[0]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("changes_list", (0,)), ("changes_list", ("x",)), ("changes_list", (5, "values")), ("changes_list", (5, None)),
        ("changes_since_last_start", (-1,)), ("changes_packages", (5,)), ("changes_packages", ("x" * 101,)),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused_with_what_is_expected(name: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(SkillError, match=f"{name}: .* expected"):
        Changes(directory=False).callbacks()[name](*arguments)


# -- traffic ------------------------------------------------------------------------------------------


def _mix(levels: list[dict[str, int] | None]) -> TrafficMix:
    """Return what is known after counters that were looked at every ten seconds."""
    now = [0.0]
    given = iter(levels)
    mix = TrafficMix(lambda: next(given), lambda: now[0])
    for _ in levels:
        mix.look()
        now[0] += 10.0
    return mix


def test_a_route_that_takes_over_is_told_with_its_parts() -> None:
    before = [{"GET /items": 50 * n, "GET /health": 10 * n} for n in range(30)]
    after = [{"GET /items": 1450 + n, "GET /health": 290 + 10 * n, "POST /import": 60 * n} for n in range(1, 8)]
    found = _mix([*before, *after]).compared()
    assert found["known"]
    assert found["shift"] > 0.7
    assert found["routes"][0]["key"] in ("POST /import", "GET /items")
    assert {row["key"]: row["part_before"] for row in found["routes"]}["POST /import"] < 0.05


def test_more_of_the_same_traffic_is_no_shift() -> None:
    before = [{"GET /items": 50 * n, "GET /health": 10 * n} for n in range(30)]
    after = [{"GET /items": 1450 + 500 * n, "GET /health": 290 + 100 * n} for n in range(1, 8)]
    assert _mix([*before, *after]).compared()["shift"] < 0.01


@pytest.mark.parametrize("levels", [[None, None], [], [{"a": 1}] * 3, [{"a": n} for n in range(40)]])
def test_too_little_traffic_or_none_is_not_judged(levels: list[dict[str, int] | None]) -> None:
    found = _mix(levels).compared()
    assert (found["known"], found["shift"], found["routes"]) == (False, None, [])


def test_it_reads_what_the_skill_http_counts(skill: Changes) -> None:
    traffic.begin_watching()
    try:
        for _ in range(3):
            traffic.end(traffic.begin("http", "GET", lambda: "GET /items"))
        assert counts_of_http() is not None
        assert sum((counts_of_http() or {}).values()) == 3
    finally:
        traffic.end_watching()
    assert counts_of_http() is None
    assert any(each.startswith("traffic:") for each in skill.snapshot()["missing"])


# -- lives --------------------------------------------------------------------------------------------

_PROGRAM = """
import json, sys
from beamlens.skills.changes import Changes
skill = Changes(directory=sys.argv[1])
skill.start()
skill.stop()
print(json.dumps(skill.since_last_start(50)))
"""


def _life(tmp_path: Path, **environment: str) -> dict[str, Any]:
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    # A fixed environment: what the test's own runner sets must not be a change.
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": os.getcwd(), **environment}
    command = [sys.executable, str(program), str(tmp_path / "state")]
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_next_life_knows_what_changed_and_no_value_is_in_the_file(tmp_path: Path) -> None:
    assert _life(tmp_path, SHOP_MODE="hunter2hunter2")["known"] is False
    again = _life(tmp_path, SHOP_MODE="hunter2hunter2")
    assert (again["known"], again["changes"]) == (True, [])
    changed = _life(tmp_path, SHOP_MODE="other", SHOP_NEW="1")
    assert {row["key"]: row["kind"] for row in changed["changes"]} == {
        "environment:SHOP_MODE": "changed", "environment:SHOP_NEW": "added"
    }  # fmt: skip
    sibling = _life(tmp_path, SHOP_MODE="other", SHOP_NEW="1")
    assert sibling["total"] == 2, "a worker of the same start compares with the life before, too"
    (file,) = (tmp_path / "state").iterdir()
    assert "hunter2" not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', '{"format": 1, "newest": 5, "salt": 7}', "\x00"])
def test_a_damaged_file_is_as_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "lives.json"
    file.write_text(text)
    lives = Lives(file)
    assert len(lives.salt) == 16
    assert lives.begin({"packages": {"a": "1"}}) == []
    assert [each.now for each in Lives(file).begin({"packages": {"a": "2"}})] == ["2"]


def test_a_directory_that_cannot_be_written_is_said_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    lives = Lives(tmp_path / "file" / "lives.json")
    assert lives.begin({"packages": {}}) == []
    assert "cannot be written" in str(lives.problem)


# -- parts --------------------------------------------------------------------------------------------


def test_fingerprints_differ_by_value_type_and_salt_and_objects_have_none() -> None:
    salt, other = b"a" * 16, b"b" * 16
    values: list[Any] = [1, 1.0, "1", True, None, b"1", (1,), (1, 2), ()]
    assert len({fingerprint(value, salt) for value in values}) == len(values)
    assert fingerprint("1", salt) == fingerprint("1", salt) != fingerprint("1", other)
    assert [fingerprint(value, salt) for value in ([], {}, object(), ([],), tuple(range(30)))] == [None] * 5


def test_differences_say_what_was_added_removed_and_changed() -> None:
    before = {"packages": {"a": "1", "b": "1"}, "only before": {}}
    now = {"packages": {"b": "2", "c": "1"}, "only now": {"x": "1"}}
    assert [(each.name, each.kind) for each in differences(before, now)] == [
        ("a", "removed"), ("b", "changed"), ("c", "added")
    ]  # fmt: skip


def _worker(pid: int, **measures: Any) -> dict[str, Any]:
    return {
        "pid": pid,
        "this": pid == 1,
        "rss_mb": 100.0,
        "threads": 8,
        "descriptors": 30,
        "cpu_percent": 5.0,
    } | measures


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([_worker(pid) for pid in range(4)], []),
        ([_worker(1, rss_mb=900.0), *(_worker(pid) for pid in (2, 3, 4))], [(1, "rss_mb")]),
        ([_worker(1, threads=300), *(_worker(pid) for pid in (2, 3))], [(1, "threads")]),
        ([_worker(1, rss_mb=250.0), *(_worker(pid) for pid in (2, 3, 4))], []),
        ([_worker(1, rss_mb=900.0), _worker(2)], []),
        ([_worker(1, descriptors=None), *(_worker(pid, descriptors=None) for pid in (2, 3))], []),
        ([_worker(1, cpu_percent=99.0), *(_worker(pid) for pid in (2, 3, 4))], [(1, "cpu_percent")]),
        ([_worker(pid, cpu_percent=99.0) for pid in range(4)], []),
    ],
)
def test_one_worker_is_odd_if_it_has_much_more_than_the_others(
    rows: list[dict[str, Any]], found: list[tuple[int, str]]
) -> None:
    assert [(row["pid"], row["measure"]) for row in odd_ones(rows)] == found


_WORKER = """
import sys, threading, time
from beamlens.skills.changes import Changes
import json
first = sys.stdin.readline()
if first.strip() == "sick":
    [threading.Thread(target=time.sleep, args=(60,), daemon=True).start() for _ in range(120)]
    print("ready", flush=True)
else:
    print("ready", flush=True)
    sys.stdin.readline()
    skill = Changes(directory=False)
    print(json.dumps(skill.workers()), flush=True)
sys.stdin.readline()
"""


def test_a_sick_worker_is_seen_from_a_healthy_one() -> None:
    command = [sys.executable, "-c", _WORKER]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) for _ in range(4)
    ]
    try:
        for number, worker in enumerate(workers):
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write("sick\n" if number == 0 else "well\n")
            assert worker.stdout.readline() == "ready\n"
        asked = workers[1]
        assert asked.stdin is not None
        assert asked.stdout is not None
        asked.stdin.write("look\n")
        found = json.loads(asked.stdout.readline())
        assert found["total"] == 4
        assert [(row["pid"], row["measure"], row["this"]) for row in found["odd"]] == [
            (workers[0].pid, "threads", False)
        ]
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate(timeout=20)


def test_the_collector_is_light_and_is_gone_after_the_stop(skill: Changes) -> None:
    wait_until(lambda: skill.snapshot()["collector"]["running"])
    data = skill.snapshot()["collector"]
    assert data["errors"] == 0, data["last_error"]
    assert data["core_percent"] < 1.0 or skill._watch._used < 0.05
