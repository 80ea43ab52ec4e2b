"""The skill as the probe uses it: its shape, its callbacks with good, edge and wrong arguments, and what it leaves."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import logging
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from beamlens.errors import SkillError
from beamlens.skills.interpreter.sampler import Sampler
from beamlens.skills.skill import check_skill
from beamlens.skills.vm import Vm
from beamlens.testing.skills import SkillHarness
from supervision.testing import wait_until


@pytest.fixture
def vm() -> Iterator[Vm]:
    skill = Vm()
    skill.start()
    yield skill
    skill.stop()


def _quick(vm: Vm, name: str) -> Any:
    arguments = (0.1, 50.0) if name in ("vm_hot_functions", "vm_stacks_merged") else ()
    return vm.callbacks()[name](*arguments)


def test_it_is_a_skill_and_each_callback_is_documented_with_an_example(vm: Vm) -> None:
    assert check_skill(Vm) is Vm
    docs = vm.callback_docs()
    for name, function in vm.callbacks().items():
        parameters = ", ".join(inspect.signature(function).parameters)
        assert f"### {name}({parameters})" in docs
        assert f"{name}(" in docs.split(f"### {name}(")[1].split("```lua")[1]


def test_snapshot_and_callbacks_give_plain_data_and_the_fields_that_are_documented(vm: Vm) -> None:
    json.dumps(vm.snapshot(), allow_nan=False)
    for name in vm.callbacks():
        data = _quick(vm, name)
        assert len(json.dumps(data, allow_nan=False)) < 100_000
        section = vm.callback_docs().split(f"### {name}(")[1].split("\n###")[0]
        undocumented = [key for key in data if f"`{key}`" not in section and key not in _COMMON]
        assert undocumented == [], name


_COMMON = {
    "cost_ms", "seconds", "samples", "missing", "stacks_not_shown", "groups_not_shown", "not_looked_at", "visited",
    "busy_threads", "cpu_percent", "rss_mb", "blocks", "blocks_growth", "loops", "locks", "stacks", "groups", "threads",
    "processor_wait_known",
}  # fmt: skip


@pytest.mark.parametrize("name", ["vm_growing_containers", "vm_threads", "vm_thread_stacks", "vm_locks", "vm_modules"])
def test_limits_are_kept_and_wrong_ones_refused_with_what_is_expected(vm: Vm, name: str) -> None:
    function = vm.callbacks()[name]
    assert function(1)
    assert function(50)
    assert len(json.dumps(function(10**9))) < 200_000
    wrongs: list[Any] = [0, -1, "ten", 1.5, None, True, [], {}]
    for wrong in wrongs:
        with pytest.raises(SkillError) as raised:
            function(wrong)
        assert raised.value.kind == "bad_arguments"
        assert f"{name}: limit is {wrong!r}" in raised.value.text
        assert "1 to 50" in raised.value.text


@pytest.mark.parametrize("name", ["vm_hot_functions", "vm_stacks_merged"])
def test_sampling_is_bounded(vm: Vm, name: str) -> None:
    function = vm.callbacks()[name]
    assert function(0.05, 100)["samples"] >= 1
    for wrong in ((0, 50), (-1, 50), (5.1, 50), (1, 0), (1, 101), ("1", 50), (float("nan"), 50), (True, 50), (None, 1)):
        with pytest.raises(SkillError, match="is expected"):
            function(*wrong)


def test_the_probe_s_way_of_calling_it_finds_nothing_wrong() -> None:
    with SkillHarness(Vm) as skill:
        skill.assert_good()


def test_lua_in_the_real_sandbox_reads_the_examples_of_the_documentation() -> None:
    with SkillHarness(Vm) as skill:
        assert skill.lua("return vm_memory().rss_mb > 0") is True
        for section in Vm().callback_docs().split("```lua\n")[1:]:
            skill.lua(section.split("```")[0])


def test_without_its_collector_it_says_what_it_cannot_know() -> None:
    data = Vm().snapshot()
    assert data["memory"]["rss_growth"] is None
    assert data["gil"]["wait_ms_p50"] is None
    assert any("collector" in each for each in data["missing"])
    assert data["memory"]["rss_mb"] > 0


def test_stop_puts_everything_back_and_start_and_stop_can_be_repeated() -> None:
    def state() -> list[Any]:
        hooks = (sys.excepthook, threading.excepthook, sys.unraisablehook, sys.gettrace(), sys.getprofile())
        signals = [signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)]
        return [
            threading.Thread.start, threading.active_count(), gc.isenabled(), gc.get_debug(), gc.get_threshold(),
            gc.get_freeze_count(), len(gc.callbacks), tracemalloc.is_tracing(), sys.getswitchinterval(),
            logging.root.level, *hooks, *signals,
        ]  # fmt: skip

    before, skill = state(), Vm()
    for _ in range(2):
        skill.start()
        skill.start()
        for name in skill.callbacks():
            _quick(skill, name)
        wait_until(lambda: skill.snapshot()["collector"]["running"])
        skill.stop()
        skill.stop()
        assert state() == before


def test_a_look_that_raises_is_counted_and_the_collector_goes_on(monkeypatch: pytest.MonkeyPatch, vm: Vm) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(vm._sampler.loops, "look", broken)
    wait_until(lambda: vm.snapshot()["collector"]["errors"] >= 2)
    collector = vm.snapshot()["collector"]
    assert collector["last_error"] == "ZeroDivisionError: on purpose"
    assert collector["running"]


def test_a_block_of_the_loop_is_named_while_it_lasts_and_its_length_is_right(vm: Vm) -> None:
    begun, ended = threading.Event(), threading.Event()

    async def serve() -> None:
        while not begun.is_set():
            await asyncio.sleep(0.01)
        block(ended)
        await asyncio.sleep(0.5)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        wait_until(lambda: vm.snapshot()["loops"] and vm.snapshot()["loops"][0]["lag_ms"] is not None)
        began = time.monotonic()
        begun.set()
        now = wait_until(lambda: (loop := vm.snapshot()["loops"][0])["blocked_ms"] >= 600 and loop["blocked_now"])
        assert now["func"] == "block"
        assert now["at"].startswith("tests/beamlens/skills/vm/test_vm.py:")
        assert not now["over"]
        ended.set()
        seconds = time.monotonic() - began
        last = wait_until(lambda: (found := vm.loops()["recent_blocks"][0])["over"] and found)
        assert 600 <= last["ms"] <= seconds * 1e3 + 100
    finally:
        begun.set()
        ended.set()
        thread.join(30)
    wait_until(lambda: vm.snapshot()["loops"] == [])


def block(ended: threading.Event) -> None:
    ended.wait(30)


def test_importing_the_skill_loads_nothing_heavy() -> None:
    code = (
        "import sys, beamlens.skills.vm; vm = beamlens.skills.vm.Vm(); vm.start(); vm.snapshot(); vm.memory();"
        "vm.stop(); names = 'psutil', 'anthropic', 'lupa', 'asyncio', 'pydantic';"
        "print([name for name in names if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_the_sampler_looks_less_often_where_looking_is_dear() -> None:
    sampler = Sampler()

    def dear() -> None:
        ends = time.thread_time() + 0.02
        while time.thread_time() < ends:
            pass

    sampler._tick = dear  # type: ignore[method-assign]
    sampler.start()
    try:
        began = time.monotonic()
        wait_until(lambda: sampler.ticks >= 2, timeout=30)
        assert time.monotonic() - began >= 1.9, "after a tick of 20 ms the next is due 2 seconds later"
    finally:
        sampler.stop()
