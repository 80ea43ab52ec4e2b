"""The skill on real trees, worker processes, pools and zombies."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from beamlens.errors import SkillError
from beamlens.skills.sup import Sup
from beamlens.skills.sup_checks import CHECKS
from beamlens.skills.supervised.deaths import Death, Deaths, reason_of, where_it_raised
from beamlens.skills.supervised.workers import WorkerProcesses
from supervision import ChildSpec, Supervisor, SupervisorRef
from supervision.exits import KILLED, NORMAL, crash, from_status
from supervision.telemetry import list_handlers
from supervision.testing import wait_until
from tests.beamlens.skills.judged import Judge, Served
from tests.beamlens.skills.sound import assert_sound
from tests.beamlens.skills.sup.actors import Steady

_SUP = "beamlens.skills.sup:Sup"
_PROGRAMS = "tests.beamlens.skills.sup.programs"
_EXAMPLES = {name: [["shop"]] for name in ("sup_children", "sup_tree", "sup_integrity")}


@pytest.fixture
def shop() -> Iterator[SupervisorRef]:
    web = ChildSpec(
        id="web", start=(Supervisor, (), {"children": [ChildSpec(id="cart", start=(Steady, ()))]}), type="supervisor"
    )
    children = [web, ChildSpec(id="orders", start=(Steady, ()))]
    tree = Supervisor.start(children, name="shop", intensity=50, period=5)
    yield tree
    tree.stop()


@pytest.fixture
def sup() -> Iterator[Sup]:
    skill = Sup()
    skill.start()
    yield skill
    skill.stop()


def _judge(skill: Sup) -> Judge:
    calls: dict[str, Any] = {"snapshot": skill.snapshot, **skill.callbacks()}
    return Judge(CHECKS, lambda name, *arguments: calls[name](*arguments), tuple(skill.callbacks()))


def _fail(tree: SupervisorRef, child: str) -> None:
    tree[child].tell("fail")


def test_it_is_sound(shop: SupervisorRef) -> None:
    assert_sound(Sup, _EXAMPLES)


def test_without_any_tree_it_says_that_there_is_none() -> None:
    data = Sup().snapshot()
    assert data["trees"]["supervisors"] == 0
    assert any("collector" in each for each in data["missing"])


def test_it_tells_the_tree_as_it_stands(shop: SupervisorRef, sup: Sup) -> None:
    assert {row["name"]: row["running"] for row in sup.list_()["supervisors"]} == {"shop": 2, "shop/web": 1}
    assert [row["id"] for row in sup.children("shop/web")["children"]] == ["cart"]
    assert sup.children("web")["name"] == "shop/web", "the last part of the path is enough where it is unique"
    tree = sup.tree("shop")["children"]
    assert [[child["id"] for child in row.get("children", [])] for row in tree] == [["cart"], []]
    assert sup.integrity("shop")["anomalies"] == []
    named = {row["name"]: row["kind"] for row in sup.processes(50)["processes"]}
    assert {name for name, kind in named.items() if kind == "actor"} == {"shop/orders", "shop/web/cart"}
    assert sup.snapshot()["trees"] == {"supervisors": 2, "children": 3, "running": 3, "restarting": 0}


@pytest.mark.parametrize("callback", ["sup_children", "sup_tree", "sup_integrity"])
@pytest.mark.parametrize("name", ["", "nobody", "shop/", "SHOP", 5, None, ["shop"]])
def test_an_unknown_supervisor_is_refused_with_the_names_there_are(
    shop: SupervisorRef, sup: Sup, callback: str, name: Any
) -> None:
    with pytest.raises(SkillError, match=r"there are: shop, shop/web"):
        sup.callbacks()[callback](name)


@pytest.mark.parametrize("callback", ["sup_deaths", "sup_processes", "sup_zombies", "sup_pools"])
@pytest.mark.parametrize("limit", [0, -1, "ten", 1.5, None, True])
def test_wrong_limits_are_refused(sup: Sup, callback: str, limit: Any) -> None:
    with pytest.raises(SkillError, match=f"{callback}: limit is .* 1 to 50"):
        sup.callbacks()[callback](limit)


def test_a_child_that_crashes_again_and_again_is_named_with_the_line_that_raises(shop: SupervisorRef, sup: Sup) -> None:
    judge = _judge(sup)
    _fail(shop, "orders")
    wait_until(lambda: sup.snapshot()["crashes_total"] == 1)
    judge.look()
    assert judge.findings() == {}, "one crash and its restart are what a supervisor is for"
    _fail(shop, "orders")
    wait_until(lambda: sup.snapshot()["crashes_total"] == 2)
    _fail(shop, "orders")
    observation, _, hypothesis, _, name, where = judge.wait_for("crash_loop")
    assert name == "shop/orders"
    assert "died 3 times" in observation
    assert "RuntimeError" in observation
    assert where.startswith("tests/beamlens/skills/sup/actors.py:")
    assert where in hypothesis
    assert sup.integrity("shop")["anomalies"] == ["crash_loop: shop/orders died 3 times"]
    assert wait_until(lambda: sup.snapshot()["restarts_total"] == 3)
    said = json.dumps([sup.snapshot(), sup.deaths(50), sup.tree("shop")])
    assert "4242" not in said, "what an exception says may be a secret"


def test_a_child_that_was_killed_once_is_no_finding(shop: SupervisorRef, sup: Sup) -> None:
    judge = _judge(sup)
    pid = next(row["pid"] for row in sup.children("shop")["children"] if row["id"] == "orders")
    os.kill(pid, signal.SIGKILL)
    death = wait_until(lambda: sup.deaths()["deaths"])[0]
    assert (death["name"], death["reason"], death["normal"]) == ("shop/orders", "killed", False)
    assert judge.alarms(3, 0.1) == []


def test_stop_leaves_no_handler_and_no_thread() -> None:
    before = [handler.id for handler in list_handlers()]
    skill = Sup()
    for _ in range(2):
        skill.start()
        skill.start()
        wait_until(lambda: skill.snapshot()["collector"]["running"])
        skill.stop()
        skill.stop()
        assert [handler.id for handler in list_handlers()] == before


def test_a_worker_process_that_its_manager_starts_again_and_again_is_named() -> None:
    with Served(_SUP, f"{_PROGRAMS}:keep_one_alive") as program:
        judge = Judge(CHECKS, program.call, ())
        observation, *_ = judge.wait_for("crash_loop")
        assert "mailer died" in observation
        assert "exit status 1" in observation
        assert "hunter2" not in json.dumps([program.call("sup_deaths", 50), judge.look()])


def test_a_pool_whose_worker_was_killed_is_named_as_broken() -> None:
    with Served(_SUP, f"{_PROGRAMS}:break_the_pool") as program:
        judge = Judge(CHECKS, program.call, ())
        assert "process pool" in judge.wait_for("broken_pool")[0]
        assert program.call("sup_pools")["pools"][0]["broken"] is True


@pytest.mark.slow
def test_children_that_nobody_waits_for_are_told_once_they_have_lasted() -> None:
    with Served(_SUP, f"{_PROGRAMS}:leave_zombies") as program:
        judge = Judge(CHECKS, program.call, ())
        wait_until(lambda: program.call("sup_zombies")["total"] == 8, timeout=30)
        judge.look()
        assert judge.findings() == {}, "for a moment every child that ended is a zombie"
        assert judge.wait_for("zombie_processes", timeout=50, interval=1)[0].startswith("8 child processes")


def test_workers_that_come_and_go_in_order_are_no_finding() -> None:
    with Served(_SUP, f"{_PROGRAMS}:busy_and_well") as program:
        judge = Judge(CHECKS, program.call, ())
        assert judge.alarms(15, 0.3) == []
        data = judge.look()
        assert data["collector"]["errors"] == 0, data["collector"]["last_error"]
        assert data["collector"]["core_percent"] < 1.0
        assert {row["kind"] for row in program.call("sup_pools")["pools"]} == {"process pool"}


# -- decisions ----------------------------------------------------------------------------------------


def _death(at: float, seconds: float | None = 1.0, normal: bool = False, name: str = "worker") -> Death:
    return Death(at, name, "child", "killed", normal, seconds)


@pytest.mark.parametrize(
    ("deaths", "found"),
    [
        ([_death(1), _death(2), _death(3)], ["worker"]),
        ([_death(1), _death(2)], []),
        ([_death(at, normal=True) for at in range(5)], []),
        ([_death(at, seconds=60.0) for at in range(5)], []),
        ([_death(at * 100) for at in range(5)], []),
        ([_death(1), _death(2, name="other"), _death(3)], []),
        ([_death(at, seconds=None) for at in range(3)], ["worker"]),
    ],
)
def test_a_crash_loop_is_three_abnormal_short_lives_within_two_minutes(deaths: list[Death], found: list[str]) -> None:
    kept = Deaths()
    for death in deaths:
        kept.add(death)
    assert [row["name"] for row in kept.loops(deaths[-1].at)] == found


def test_reasons_are_told_without_what_an_exception_says() -> None:
    assert reason_of(crash(("ValueError", "token=abc"))) == "ValueError"
    assert reason_of(from_status(3)) == "exit status 3"
    assert reason_of(from_status(-11)) == "SIGSEGV"
    assert (reason_of(KILLED), reason_of(NORMAL), reason_of("odd")) == ("killed", "normal", "odd")
    text = f'Traceback:\n  File "{__file__}", line 7, in handle\n  File "{json.__file__}", line 1, in a\n'
    assert where_it_raised(crash(("E", ""), text)) == "tests/beamlens/skills/sup/test_sup.py:7"
    assert where_it_raised("no reason") is None


def test_books_of_multiprocessing_that_are_odd_or_absent_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd:
        _children = None

    watched = WorkerProcesses(Deaths())
    monkeypatch.setitem(__import__("sys").modules, "multiprocessing.process", Odd)
    watched.look(0.0)
    assert watched.alive() == []
