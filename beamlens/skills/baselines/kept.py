"""Baselines in a file of the user's, so that a restart does not learn from the beginning."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from beamlens.skills.baselines.baseline import Baseline
from beamlens.skills.differences.lives import write_privately

__all__ = ["KeptBaselines"]

_FORMAT: Final = 1
_OLDEST: Final = 7 * 86_400.0
_MOST_BYTES: Final = 4 * 2**20


class KeptBaselines:
    """Keep baselines. One thread. A file that is damaged, strange or older than a week is as none.

    Args:
        file: where; None: nowhere.
        clock: seconds since 1970.
    """

    def __init__(self, file: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock
        self.problem: str | None = None

    def read(self) -> dict[str, Baseline]:
        """Return what was kept, by metric."""
        if self._file is None:
            return {}
        try:
            if self._file.stat().st_size > _MOST_BYTES:
                return {}
            told: Any = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(told, dict) or told.get("format") != _FORMAT or not self._is_young(told.get("at")):
            return {}
        kept = told.get("baselines")
        rows = kept.items() if isinstance(kept, dict) else ()
        return {name: found for name, given in rows if (found := Baseline.of(given)) is not None}

    def write(self, baselines: Mapping[str, Baseline]) -> None:
        """Keep these; a failure is told in `problem`."""
        if self._file is None or not baselines:
            return
        rows = {name: baseline.kept() for name, baseline in baselines.items()}
        try:
            write_privately(self._file, json.dumps({"format": _FORMAT, "at": self._clock(), "baselines": rows}))
            self.problem = None
        except OSError as error:
            self.problem = f"baselines cannot be written: {error.strerror}"

    def _is_young(self, at: object) -> bool:
        return isinstance(at, int | float) and 0 <= self._clock() - at <= _OLDEST
