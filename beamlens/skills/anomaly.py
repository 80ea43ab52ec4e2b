"""The skill `anomaly`: what is usual for the numbers of all other skills, and what is far from it now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Final

from beamlens import telemetry
from beamlens.errors import ConfigurationError, SkillError
from beamlens.skills.anomaly_docs import CHECKS, DOCS, SYSTEM_PROMPT
from beamlens.skills.baselines.detector import Detector, Happening, Settings
from beamlens.skills.baselines.kept import KeptBaselines
from beamlens.skills.baselines.metrics import numbers
from beamlens.skills.checks import Check
from beamlens.skills.differences.lives import program_key, state_directory
from beamlens.skills.limits_given import rows
from beamlens.skills.skill import Skill

__all__ = ["Anomaly"]

_SHOWN: Final = 10
_SAVE_SECONDS: Final = 300.0


class Anomaly(Skill):
    """Learn what is usual and notice what is not, without being told what is good or bad.

    Args:
        interval: seconds between two samples.
        learning_seconds, warm_seconds, far, in_a_row, cooldown_seconds: see `Settings`.
        directory: where baselines are kept; None: in the user's state directory; False: nowhere.
    """

    id: ClassVar[str] = "anomaly"
    title: ClassVar[str] = "Statistical anomalies"
    description: ClassVar[str] = (
        "Statistics over the numbers of all other skills: what is usual for this program, learned from itself, and "
        "what is far from it now"
    )
    system_prompt: ClassVar[str] = SYSTEM_PROMPT

    def __init__(self, interval: float = 30.0, directory: str | bool | None = None, **settings: float) -> None:
        try:
            self._settings = Settings(**settings)  # type: ignore[arg-type]
        except TypeError as error:
            raise ConfigurationError(f"the skill anomaly: {error}; see beamlens.skills.baselines.Settings") from None
        if not 0 < interval <= 3600:
            raise ConfigurationError(f"the skill anomaly: interval is {interval!r}; seconds up to 3600 are expected")
        self._interval = interval
        key = program_key() if directory is not False else None
        place = Path(directory) if isinstance(directory, str) else state_directory("baselines")
        self._kept = KeptBaselines(place / f"{key}.json" if key is not None else None)
        self._detector = Detector(self._settings, time.monotonic(), self._kept.read())
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._failed: dict[str, str] = {}
        self._began = self._saved_at = time.monotonic()
        self._used = 0.0
        self._errors = 0
        self._last_error: str | None = None

    # -- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to take samples."""
        if self._thread is None:
            self._stopped.clear()
            self._thread = threading.Thread(target=self._run, name="beamlens-anomaly-sampler", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop, and keep the baselines."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stopped.set()
        thread.join(timeout=5.0)
        self._save()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            try:
                self.sample()
                if time.monotonic() - self._saved_at >= _SAVE_SECONDS:
                    self._save()
            except Exception as error:
                self._errors += 1
                self._last_error = f"{type(error).__name__}: {error}"[:200]
            self._used = time.thread_time()

    def sample(self) -> None:
        """Take one sample of all skills and tell what happened."""
        found: dict[str, float] = {}
        for name, snapshot in self.peers().items():
            if self._stopped.is_set():
                return
            found |= self._numbers_of(name, snapshot)
        with self._lock:
            happenings = self._detector.take(time.monotonic(), found)
        for happening in happenings:
            _tell(happening)

    def _numbers_of(self, name: str, snapshot: Callable[[], Mapping[str, Any]]) -> dict[str, float]:
        try:
            taken = numbers(snapshot())
        except SkillError as error:
            if self._failed.get(name) != error.kind:
                self._failed[name] = error.kind
                _tell(Happening("metric_collection_failed", {}, {"skill": name, "error": error.text}))
            return {}
        self._failed.pop(name, None)
        return {f"{name}.{path}": value for path, value in taken.items()}

    def _save(self) -> None:
        self._saved_at = time.monotonic()
        with self._lock:
            learned = self._detector.state != "learning"
            baselines = self._detector.baselines() if learned else {}
        self._kept.write(baselines)

    # -- what it says -----------------------------------------------------------------------------

    def checks(self) -> Sequence[Check]:
        """Return what is worth telling."""
        return CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all of them only look."""
        return {
            "anomaly_get_state": self.get_state,
            "anomaly_get_status": self.get_status,
            "anomaly_list": self.list_,
            "anomaly_baseline": self.baseline,
            "anomaly_metrics": self.metrics,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return what the detector does, and what is far from usual."""
        began = time.perf_counter()
        with self._lock:
            found = self._detector.anomalies()
            data: dict[str, Any] = {
                **self._state(),
                "in_a_row": self._settings.in_a_row,
                "metrics": len(self._detector.metrics),
                "anomalous": len(found),
                "anomalies": found[:_SHOWN],
            }
        thread, lived = self._thread, max(1e-3, time.monotonic() - self._began)
        data["collector"] = {
            "running": thread is not None and thread.is_alive(),
            "core_percent": round(self._used / lived * 100, 3),
            "errors": self._errors,
            "last_error": self._last_error,
        }
        data["missing"] = self._missing(data)
        data["cost_ms"] = round((time.perf_counter() - began) * 1e3, 3)
        return data

    def _state(self) -> dict[str, Any]:
        detector, now = self._detector, time.monotonic()
        return {
            "state": detector.state,
            "in_state_seconds": round(now - detector.since, 1),
            "learned_part": round(detector.learned_part(now), 3),
            "samples": detector.samples,
            "restored": detector.restored,
            "escalations_total": detector.escalations,
        }

    def _missing(self, data: Mapping[str, Any]) -> list[str]:
        missing = []
        if data["state"] == "learning":
            missing.append(f"anomalies: still learning what is usual, a part of {data['learned_part']} is done")
        if not data["collector"]["running"]:
            missing.append("collector: it does not run, so nothing is sampled")
        missing += [f"{name}: no snapshot of it ({kind})" for name, kind in sorted(self._failed.items())[:5]]
        return missing + ([self._kept.problem] if self._kept.problem else [])

    def get_state(self) -> dict[str, Any]:
        """Return whether it learns, is active, or rests."""
        with self._lock:
            return self._state()

    def get_status(self) -> dict[str, Any]:
        """Return all about the detector."""
        with self._lock:
            known = self._detector.baselines()
            skills = sorted({name.partition(".")[0] for name in self._detector.metrics})
            return {
                **self._state(),
                "settings": asdict(self._settings),
                "interval": self._interval,
                "metrics": len(self._detector.metrics),
                "learned": len(known),
                "skills": skills,
            }

    def list_(self, limit: int = 10) -> dict[str, Any]:
        """Return what is far from usual now, the farthest first."""
        most = rows("anomaly_list", limit)
        with self._lock:
            found = self._detector.anomalies()
            return {**self._state(), "anomalies": found[:most], "total": len(found)}

    def metrics(self, part: str = "", limit: int = 20) -> dict[str, Any]:
        """Return the metrics with this in their name."""
        if not isinstance(part, str) or len(part) > 200:
            raise SkillError("bad_arguments", f"anomaly_metrics: part is {part!r:.80}; a part of a name is expected")
        most = rows("anomaly_metrics", limit)
        with self._lock:
            names = sorted(name for name in self._detector.metrics if part in name)
        return {"metrics": names[:most], "total": len(names)}

    def baseline(self, metric: str) -> dict[str, Any]:
        """Return what is usual for one metric, and what it is now."""
        with self._lock:
            found = self._detector.metrics.get(metric) if isinstance(metric, str) else None
            if found is None:
                expected = "a name that anomaly_metrics() gives is expected"
                raise SkillError("bad_arguments", f"anomaly_baseline: metric is {metric!r:.80}; {expected}")
            known = found.baseline
            return {
                "metric": metric,
                "usual": None if known is None else round(known.middle, 4),
                "strays": None if known is None else round(known.scale, 4),
                "learned_from": None if known is None else known.samples,
                "per_second": None if known is None else known.counter,
                "value": found.value,
                "distance": None if found.distance is None else round(found.distance, 1),
                "times": found.times,
            }


def _tell(happening: Happening) -> None:
    name = ("beamlens", "anomaly", "detector", happening.name)
    telemetry.emit(name, dict(happening.measurements), dict(happening.metadata))
