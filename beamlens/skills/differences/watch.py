"""The light thread that compares the facts of now with those of the start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from beamlens.skills.differences import collecting
from beamlens.skills.differences.collecting import OBSERVED
from beamlens.skills.differences.facts import Difference, differences
from beamlens.skills.differences.lives import Lives
from beamlens.skills.differences.siblings import Siblings
from beamlens.skills.differences.traffic_mix import TrafficMix

__all__ = ["Watch"]

_ROUND: Final = 2.0
_SELDOM: Final = 30.0
_PART: Final = 400.0  # a round may take this part of the time to the next: 0.25 %
_MOST_TIMES: Final = 3
_MOST: Final = 500
_SET_AT_START: Final = frozenset(["environment", "log_levels", "settings"])
"""What programs set while they begin, as a rule after the watch began."""


class Watch:
    """Notice changes. `start` and `stop` from any thread.

    What changes again and again is no setting but a counter, and is not told.

    Args:
        file: where facts are kept from life to life; None: nowhere.
        settling_seconds: how long after `start` what is set still belongs to the start.
    """

    def __init__(self, file: Path | None, settling_seconds: float = 0.0) -> None:
        self._lives = Lives(file)
        self._settling = settling_seconds
        self.siblings = Siblings()
        self.mix = TrafficMix()
        self._salt = self._lives.salt
        self._baseline: dict[str, dict[str, str]] = {}
        self._now: dict[str, dict[str, str]] = {}
        self._since: dict[tuple[str, str], float] = {}
        self._times: dict[tuple[str, str], int] = {}
        self._last_life: list[Difference] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._began = time.monotonic()
        self._next_seldom = 0.0
        self._used = 0.0
        self._errors = 0
        self._last_error: str | None = None

    def start(self) -> None:
        """Take the facts of now as the baseline; go on from there."""
        if self._thread is not None:
            return
        self._began = time.monotonic()
        self._baseline = self._now = self._collect(seldom=True)
        # What is loaded and set later belongs to the start as well; the last life was compared at the same point.
        self._last_life = self._lives.begin({name: self._baseline[name] for name in ("packages", "environment")})
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, name="beamlens-changes-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; waits for it."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopped.set()
            thread.join(timeout=5.0)

    def _run(self) -> None:
        pause = _ROUND
        while not self._stopped.wait(pause):
            began = time.thread_time()
            self._guarded(self.look)
            self._used = time.thread_time()
            pause = max(_ROUND, (self._used - began) * _PART)

    def _guarded(self, look: Callable[[], object]) -> None:
        try:
            look()
        except Exception as error:
            self._errors += 1
            self._last_error = f"{type(error).__name__}: {error}"[:200]

    def look(self) -> None:
        """Compare once more, on the calling thread."""
        with self._lock:
            now = time.monotonic()
            self.mix.look()
            seldom = now >= self._next_seldom
            if seldom:
                self._next_seldom = now + _SELDOM
                self.siblings.look()
            found = {**self._now, **self._collect(seldom=seldom)}
            for each in differences(self._now, found):
                self._note(each, now)
            self._now = found

    def _note(self, each: Difference, now: float) -> None:
        key = (each.section, each.name)
        if key not in self._times and len(self._times) >= _MOST:
            return
        if each.kind == "added" and each.section in ("settings", "code"):
            # A module that is imported later brings its settings along: that is no change of them.
            assert each.now is not None
            self._baseline.setdefault(each.section, {}).setdefault(each.name, each.now)
            if self._baseline[each.section][each.name] == each.now:
                return
        if each.section in _SET_AT_START and now - self._began < self._settling:
            self._begin_with(each)
            return
        self._since[key] = now
        self._times[key] = self._times.get(key, 0) + 1

    def _begin_with(self, each: Difference) -> None:
        """Let what is now belong to the start."""
        known = self._baseline[each.section]
        if each.now is None:
            known.pop(each.name, None)
        else:
            known[each.name] = each.now

    def _collect(self, *, seldom: bool) -> dict[str, dict[str, str]]:
        found = {
            "environment": collecting.environment(self._salt),
            "settings": collecting.settings(self._salt),
            "log_levels": collecting.log_levels(),
            "runtime": collecting.runtime(),
        }
        if seldom:
            return found | {"packages": collecting.packages(), "code": collecting.code()}
        # What is loaded now may be written over before the next look at all files.
        return found | {"code": collecting.code(self._now.get("code", {}))}

    # -- asking -----------------------------------------------------------------------------------

    def changes(self) -> list[dict[str, Any]]:
        """Return what is different from the start, newest first."""
        with self._lock:
            now = time.monotonic()
            rows = [
                {**each.shown(), "seconds_ago": round(now - self._since.get(key, now), 1)}
                for each in differences(self._baseline, self._now)
                if self._times.get(key := (each.section, each.name), 0) <= _MOST_TIMES
                and key in self._since
                # A hook of this package's says nothing of the application's, which it keeps below.
                and OBSERVED not in (each.was, each.now)
            ]
        return sorted(rows, key=lambda row: row["seconds_ago"])

    def since_last_life(self) -> dict[str, Any]:
        """Return what was different at the start from the life before."""
        last = self._lives.last_at
        return {
            "known": last is not None,
            "last_start_seconds_ago": None if last is None else round(time.time() - last, 1),
            "changes": [each.shown() for each in self._last_life[:50]],
            "problem": self._lives.problem,
        }

    def counts(self) -> dict[str, int]:
        """Return how many facts of each section there are."""
        with self._lock:
            return {section: len(names) for section, names in self._now.items()}

    @property
    def moving(self) -> int:
        """How many names change again and again, and are therefore not told."""
        return sum(times > _MOST_TIMES for times in list(self._times.values()))

    def snapshot(self) -> dict[str, Any]:
        """Return what comparing cost so far."""
        thread, lived = self._thread, max(1e-3, time.monotonic() - self._began)
        return {
            "running": thread is not None and thread.is_alive(),
            "core_percent": round(self._used / lived * 100, 3),
            "errors": self._errors,
            "last_error": self._last_error,
        }
