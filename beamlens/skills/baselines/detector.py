"""The detector as a state machine: it learns, it is active, it rests after an escalation. Pure; the clock is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from beamlens.skills.baselines.baseline import Baseline, Metric

__all__ = ["Detector", "Happening", "Settings", "State"]

State = Literal["learning", "active", "cooldown"]

_MOST_METRICS: Final = 3000


@dataclass(frozen=True, slots=True)
class Settings:
    """Say how to judge.

    Args:
        learning_seconds: how long to learn before anything is judged.
        warm_seconds: how long to wait instead where baselines of an earlier life are there: a start is never usual.
        far: how many scales away from the middle is far.
        in_a_row: how many samples in a row of one metric must be far.
        cooldown_seconds: how long to rest after an escalation.
    """

    learning_seconds: float = 7200.0
    warm_seconds: float = 600.0
    far: float = 6.0
    in_a_row: int = 3
    cooldown_seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class Happening:
    """Tell what the detector did: `learning_complete`, `anomaly_detected`, `escalation`, `cooldown_started`, ..."""

    name: str
    measurements: Mapping[str, Any]
    metadata: Mapping[str, Any]


class Detector:
    """Judge samples. One thread.

    Args:
        settings: how.
        now: seconds on any clock.
        known: baselines of an earlier life, by metric.
    """

    def __init__(self, settings: Settings, now: float, known: Mapping[str, Baseline] | None = None) -> None:
        self._settings = settings
        self._metrics = {name: Metric(name, baseline) for name, baseline in (known or {}).items()}
        self.restored = bool(known)
        self.state: State = "learning"
        self.since = now
        self.samples = 0
        self.escalations = 0

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """All that is followed, by name."""
        return self._metrics

    def learned_part(self, now: float) -> float:
        """Return how much of the time of learning is over, 0 to 1."""
        return 1.0 if self.state != "learning" else min(1.0, (now - self.since) / max(1e-9, self._learning))

    @property
    def _learning(self) -> float:
        return self._settings.warm_seconds if self.restored else self._settings.learning_seconds

    def take(self, now: float, sample: Mapping[str, float]) -> list[Happening]:
        """Take one sample of all metrics; return what happened.

        Args:
            now: seconds on the clock of the beginning.
            sample: values by metric; a metric that is missing is left as it is.
        """
        self.samples += 1
        if self.state == "learning":
            return self._learn(now, sample)
        happenings = self._wake(now) if self.state == "cooldown" else []
        far = [self._metrics[name] for name, level in sample.items() if self._is_far(name, now, level)]
        if self.state == "cooldown":
            return happenings
        happenings += [_detected(metric) for metric in far]
        lasting = [metric for metric in self._metrics.values() if metric.times >= self._settings.in_a_row]
        return happenings + (self._escalate(now, lasting) if lasting else [])

    def anomalies(self) -> list[dict[str, Any]]:
        """Return what is far from usual now, the farthest first."""
        rows = [_row(metric) for metric in self._metrics.values() if metric.times]
        return sorted(rows, key=lambda row: -abs(row["distance"]))

    def baselines(self) -> dict[str, Baseline]:
        """Return what is usual, by metric."""
        return {name: metric.baseline for name, metric in self._metrics.items() if metric.baseline is not None}

    # -- states -----------------------------------------------------------------------------------

    def _learn(self, now: float, sample: Mapping[str, float]) -> list[Happening]:
        for name, level in sample.items():
            metric = self._metric(name)
            if metric is not None:
                metric.learn(now, level)
        if now - self.since < self._learning:
            return []
        for metric in self._metrics.values():
            if metric.baseline is None:
                metric.settle()
        elapsed, self.since, self.state = now - self.since, now, "active"
        return [Happening("learning_complete", {"elapsed_ms": elapsed * 1e3}, {})]

    def _wake(self, now: float) -> list[Happening]:
        if now - self.since < self._settings.cooldown_seconds:
            return []
        for metric in self._metrics.values():
            if metric.times:  # what stayed different while nobody was alarmed any more becomes the usual
                metric.adopt(self.since)
            metric.times = 0
        elapsed, self.since, self.state = now - self.since, now, "active"
        return [Happening("cooldown_complete", {"elapsed_ms": elapsed * 1e3}, {})]

    def _escalate(self, now: float, lasting: list[Metric]) -> list[Happening]:
        self.escalations += 1
        self.state, self.since = "cooldown", now
        rows = [_row(metric) for metric in lasting]
        return [
            Happening("escalation", {"anomaly_count": len(rows)}, {"anomalies": rows}),
            Happening("cooldown_started", {"cooldown_ms": self._settings.cooldown_seconds * 1e3}, {}),
        ]

    def _metric(self, name: str) -> Metric | None:
        found = self._metrics.get(name)
        if found is None and len(self._metrics) < _MOST_METRICS:
            found = self._metrics[name] = Metric(name)
        return found

    def _is_far(self, name: str, now: float, level: float) -> bool:
        metric = self._metric(name)
        if metric is None:
            return False
        if metric.baseline is None and self.state == "active":
            metric.learn(now, level)  # it came later: it is judged once enough of it is known
            metric.settle()
            return False
        return metric.judge(now, level, self._settings.far)


def _row(metric: Metric) -> dict[str, Any]:
    assert metric.baseline is not None
    skill, _, path = metric.name.partition(".")
    return {
        "key": metric.name,
        "skill": skill,
        "metric": path,
        "value": round(metric.value or 0.0, 4),
        "usual": round(metric.baseline.middle, 4),
        "strays": round(metric.baseline.scale, 4),
        "distance": round(metric.distance or 0.0, 1),
        "per_second": metric.baseline.counter,
        "times": metric.times,
    }


def _detected(metric: Metric) -> Happening:
    skill, _, path = metric.name.partition(".")
    return Happening("anomaly_detected", {"value": metric.value}, {"skill": skill, "metric": path})
