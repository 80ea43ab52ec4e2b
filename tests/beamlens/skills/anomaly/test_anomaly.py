"""The skill in a real probe, beside a skill whose numbers move."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from beamlens import telemetry
from beamlens.errors import ConfigurationError, SkillError
from beamlens.probe.messages import SNAPSHOT, Call
from beamlens.probe.probe import Probe
from beamlens.probe.specs import SkillSpec
from beamlens.skills.anomaly import Anomaly
from beamlens.skills.anomaly_docs import CHECKS
from beamlens.skills.skill import Skill
from supervision.testing import wait_until
from tests.beamlens.skills.judged import Judge
from tests.beamlens.skills.sound import assert_sound

_QUICK: dict[str, Any] = {"interval": 0.02, "learning_seconds": 1.0, "warm_seconds": 0.5, "cooldown_seconds": 60.0}
_EXAMPLES: dict[str, list[list[Any]]] = {"anomaly_baseline": [["shop.queue"]]}


class Shop(Skill):
    """Tell what the test says."""

    id: ClassVar[str] = "shop"
    title: ClassVar[str] = "Shop"
    description: ClassVar[str] = "A shop"
    system_prompt: ClassVar[str] = "You watch a shop."
    queue: ClassVar[float] = 5.0
    fails: ClassVar[bool] = False

    def snapshot(self) -> dict[str, Any]:
        if Shop.fails:
            raise RuntimeError("no numbers today")
        return {"queue": Shop.queue, "state": "open", "missing": []}


@pytest.fixture
def shop() -> Iterator[type[Shop]]:
    Shop.queue, Shop.fails = 5.0, False
    yield Shop
    Shop.queue, Shop.fails = 5.0, False


def _probe(directory: Path) -> Any:
    options = {**_QUICK, "directory": str(directory)}
    return Probe.start([SkillSpec(Shop), SkillSpec(Anomaly, options)])


def _ask(probe: Any, name: str, *arguments: Any) -> Any:
    return probe.ask(Call("anomaly", name, tuple(arguments)), timeout=30).get(timeout=30).value


def test_it_is_sound(tmp_path: Path, shop: type[Shop]) -> None:
    class Beside(Anomaly):
        """Have a neighbour, which the harness has not."""

        def start(self) -> None:
            self.peers = lambda: {"shop": Shop().snapshot}
            super().start()
            self.sample()

    options = {**_QUICK, "interval": 0.5, "directory": str(tmp_path)}
    assert_sound(Beside, _EXAMPLES, **options)


def test_a_number_of_another_skill_that_leaves_the_usual_is_told_and_kept_over_a_restart(
    tmp_path: Path, shop: type[Shop]
) -> None:
    heard: list[tuple[str, dict[str, Any]]] = []
    names = [
        ("beamlens", "anomaly", "detector", name) for name in ("learning_complete", "anomaly_detected", "escalation")
    ]
    telemetry.attach_many("test-anomaly", names, lambda name, m, meta, _: heard.append((name[-1], {**m, **meta})), None)
    probe = _probe(tmp_path)
    try:
        wait_until(lambda: _ask(probe, "anomaly_get_state")["state"] == "active", timeout=30)
        assert _ask(probe, SNAPSHOT)["anomalies"] == []
        assert _ask(probe, "anomaly_baseline", "shop.queue")["usual"] == 5.0
        shop.queue = 500.0
        wait_until(lambda: any(name == "escalation" for name, _ in heard), timeout=30)
        told = next(about for name, about in heard if name == "escalation")
        assert [(row["skill"], row["metric"], row["value"]) for row in told["anomalies"]] == [("shop", "queue", 500.0)]
        assert told["system_time"] > 0
        judge = Judge(CHECKS, lambda name: _ask(probe, name), ())
        assert judge.wait_for("unusual_value")[0].startswith("shop.queue is 500")
        assert _ask(probe, SNAPSHOT)["state"] == "cooldown"
    finally:
        probe.stop()
        telemetry.detach("test-anomaly")
    assert heard[0][0] == "learning_complete"
    shop.queue = 5.0
    again = _probe(tmp_path)
    try:
        assert _ask(again, "anomaly_get_state")["restored"] is True
    finally:
        again.stop()


def test_a_skill_that_fails_is_said_once_and_the_others_are_sampled(tmp_path: Path, shop: type[Shop]) -> None:
    heard: list[dict[str, Any]] = []
    name = ("beamlens", "anomaly", "detector", "metric_collection_failed")
    telemetry.attach("test-anomaly", name, lambda _, __, meta, ___: heard.append(dict(meta)), None)
    shop.fails = True
    probe = _probe(tmp_path)
    try:
        wait_until(lambda: _ask(probe, "anomaly_get_state")["samples"] >= 5, timeout=30)
        assert [each["skill"] for each in heard] == ["shop"]
        assert any(each.startswith("shop: no snapshot") for each in _ask(probe, SNAPSHOT)["missing"])
        shop.fails = False
        wait_until(lambda: _ask(probe, "anomaly_metrics")["total"] == 1, timeout=30)
    finally:
        probe.stop()
        telemetry.detach("test-anomaly")


def test_it_never_samples_itself_and_ends_in_time_while_it_samples(tmp_path: Path, shop: type[Shop]) -> None:
    begun = threading.Event()

    class Slow(Anomaly):
        """Ask a neighbour that takes its time."""

        def start(self) -> None:
            self.peers = lambda: {"slow": _slow}
            super().start()

    def _slow() -> dict[str, Any]:
        begun.set()
        time.sleep(0.3)
        return {"n": 1}

    skill = Slow(interval=0.01, directory=str(tmp_path))
    skill.start()
    assert begun.wait(10)
    skill.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "beamlens-anomaly-sampler"]


@pytest.mark.parametrize("options", [{"interval": 0}, {"interval": -1}, {"interval": 1e9}, {"tomorrow": 5}])
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="the skill anomaly"):
        Anomaly(directory=False, **options)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("anomaly_list", (0,)), ("anomaly_list", ("x",)), ("anomaly_baseline", ("nothing",)), ("anomaly_baseline", (5,)),
     ("anomaly_baseline", (None,)), ("anomaly_metrics", (5,)), ("anomaly_metrics", ("", 0)),
     ("anomaly_metrics", ("x" * 201,))],
)  # fmt: skip
def test_wrong_arguments_are_refused_with_what_is_expected(name: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(SkillError, match=f"{name}: .* expected"):
        Anomaly(directory=False).callbacks()[name](*arguments)
