"""The skill `logger`: what the application logs, how often, from which lines, and what logging costs it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, ClassVar, Final

from beamlens.errors import SkillError
from beamlens.skills.checks import Check
from beamlens.skills.interpreter.places import shown_file
from beamlens.skills.limits_given import choice, rows
from beamlens.skills.logger_checks import CHECKS
from beamlens.skills.logger_docs import DOCS, SYSTEM_PROMPT
from beamlens.skills.records.entry import Entry, level_name
from beamlens.skills.records.others import LoguruTap, StructlogTap
from beamlens.skills.records.store import RecordStore
from beamlens.skills.records.tap import Tap
from beamlens.skills.skill import Skill

__all__ = ["Logger"]

_ROUND: Final = 0.5
_SHOWN: Final = 5
_LEVELS: Final = {"": 0, "debug": 0, "info": 20, "warning": 30, "error": 40, "critical": 50}
_LONGEST_PATTERN: Final = 200
_MOST_LOGGERS: Final = 5000


class Logger(Skill):
    """Watch what is logged, through `logging`, loguru or structlog."""

    id: ClassVar[str] = "logger"
    title: ClassVar[str] = "Log records"
    description: ClassVar[str] = (
        "Log records: rates and errors by the line that logs, similar messages together, search in the latest ones, "
        "log storms, slow handlers, levels of loggers"
    )
    system_prompt: ClassVar[str] = SYSTEM_PROMPT
    additive: ClassVar[tuple[str, ...]] = ("records_total", "errors_total", "warnings_total", "last_minute.per_second")

    def __init__(self) -> None:
        self._store = RecordStore()
        self._tap = Tap(self._store.hear)
        self._loguru = LoguruTap(self._store.hear)
        self._structlog = StructlogTap(self._store.hear)
        self._digesting = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._used = 0.0
        self._errors = 0
        self._last_error: str | None = None

    # -- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to hear records."""
        if self._thread is not None:
            return
        self._tap.open()
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, name="beamlens-logger-digest", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hear no more; put back what was wrapped."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stopped.set()
        thread.join(timeout=5.0)
        self._tap.close()
        self._loguru.close()
        self._structlog.close()

    def _run(self) -> None:
        while True:
            try:
                self._loguru.look()
                self._structlog.look()
                self._digest()
            except Exception as error:
                self._errors += 1
                self._last_error = f"{type(error).__name__}: {error}"[:200]
            self._used = time.thread_time()
            if self._stopped.wait(_ROUND):
                return

    def _digest(self) -> RecordStore:
        with self._digesting:
            self._store.digest()
        return self._store

    # -- what it says -----------------------------------------------------------------------------

    def checks(self) -> Sequence[Check]:
        """Return what is wrong with any program of which it holds."""
        return CHECKS

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; all of them only look."""
        return {
            "logger_stats": self.stats,
            "logger_groups": self.groups,
            "logger_recent": self.recent,
            "logger_errors": self.errors,
            "logger_search": self.search,
            "logger_by_module": self.by_module,
            "logger_loggers": self.loggers,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return how much is logged, by whom, and what that costs."""
        began = time.perf_counter()
        with self._digesting:
            store = self._store
            recent = store.window(10.0)
            data: dict[str, Any] = {
                "records_total": sum(store.levels.values()),
                "errors_total": store.levels["error"] + store.levels["critical"],
                "warnings_total": store.levels["warning"],
                "last_minute": store.window(),
                "last_10_seconds": recent,
                "errors": store.groups(logging.ERROR, active=True)[:_SHOWN],
                "warnings": [row for row in store.groups(logging.WARNING, active=True) if row["level"] == "warning"][
                    :_SHOWN
                ],
                "busiest": store.groups(0, active=True)[:1],
                "handler_ms": store.handler_ms(),
                "handler_seconds_total": round(store.handler_seconds, 4),
            }
        data["collector"] = self._collector()
        data["missing"] = [] if data["collector"]["running"] else ["collector: it does not run, so nothing is heard"]
        data["cost_ms"] = round((time.perf_counter() - began) * 1e3, 3)
        return data

    def _collector(self) -> dict[str, Any]:
        thread, lived = self._thread, max(1e-3, time.time() - self._store.began)
        return {
            "running": thread is not None and thread.is_alive(),
            "core_percent": round(self._used / lived * 100, 3),
            "rounds_with_losses": self._store.dropped_rounds,
            "errors": self._errors + self._tap.errors,
            "last_error": self._last_error,
        }

    def stats(self) -> dict[str, Any]:
        """Return counts and rates."""
        store = self._digest()
        return {
            "total": sum(store.levels.values()),
            "by_level": {name: store.levels[name] for name in ("critical", "error", "warning", "info", "debug")},
            "last_minute": store.window(),
            "last_10_seconds": store.window(10.0),
            "handler_ms": store.handler_ms(),
            "lines_that_log": len(store.sites),
        }

    def groups(self, limit: int = 10, level: str = "") -> dict[str, Any]:
        """Return the lines that log, with what they say, the busiest first."""
        most, least = rows("logger_groups", limit), _least("logger_groups", level)
        found = self._digest().groups(least)
        return {"groups": found[:most], "total": len(found)}

    def recent(self, limit: int = 20, level: str = "") -> dict[str, Any]:
        """Return the latest records, newest first."""
        most, least = rows("logger_recent", limit), _least("logger_recent", level)
        return self._records(most, lambda entry: entry.level >= least)

    def errors(self, limit: int = 10) -> dict[str, Any]:
        """Return the latest errors, newest first."""
        return self._records(rows("logger_errors", limit), lambda entry: entry.level >= logging.ERROR)

    def search(self, pattern: str, limit: int = 20) -> dict[str, Any]:
        """Return the latest records that say so, newest first."""
        if not isinstance(pattern, str) or not 0 < len(pattern) <= _LONGEST_PATTERN:
            expected = f"a text of 1 to {_LONGEST_PATTERN} characters is expected, with * for anything"
            raise SkillError("bad_arguments", f"logger_search: pattern is {pattern!r:.80}; {expected}")
        most, parts = rows("logger_search", limit), [part for part in pattern.lower().split("*") if part]
        return self._records(most, lambda entry: _says(entry.text.lower(), parts))

    def by_module(self, name: str, limit: int = 20) -> dict[str, Any]:
        """Return the latest records of loggers or files of such a name, newest first."""
        if not isinstance(name, str) or not name:
            raise SkillError("bad_arguments", f"logger_by_module: name is {name!r:.80}; a part of a name is expected")
        wanted = name.lower()
        return self._records(
            rows("logger_by_module", limit),
            lambda entry: wanted in entry.logger.lower() or wanted in shown_file(entry.file).lower(),
        )

    def _records(self, most: int, fits: Callable[[Entry], bool]) -> dict[str, Any]:
        store = self._digest()
        found = [_shown(entry) for entry in islice(filter(fits, store.newest()), most)]
        return {"records": found, "kept": len(store.ring)}

    def loggers(self, limit: int = 20) -> dict[str, Any]:
        """Return the loggers that have a level or handlers of their own, or do not propagate."""
        most = rows("logger_loggers", limit)
        known = list(logging.root.manager.loggerDict.items())[:_MOST_LOGGERS]
        loggers = [("root", logging.root), *((name, each) for name, each in known if isinstance(each, logging.Logger))]
        special = [(name, each) for name, each in loggers if each.level or each.handlers or not each.propagate]
        return {
            "loggers": [_described(name, each) for name, each in special[:most]],
            "total": len(loggers),
            "special": len(special),
            "disabled_below": logging.getLevelName(logging.root.manager.disable),
        }


def _least(callback: str, level: object) -> int:
    return _LEVELS[choice(callback, "level", level, tuple(_LEVELS))]


def _says(text: str, parts: list[str]) -> bool:
    """Tell whether a text has all parts in this order; never a regular expression, which could take for ever."""
    at = 0
    for part in parts:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _shown(entry: Entry) -> dict[str, Any]:
    return {
        "timestamp": datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds"),
        "level": level_name(entry.level),
        "logger": entry.logger[:120],
        "at": f"{shown_file(entry.file)}:{entry.line}",
        "func": entry.function[:120],
        "message": entry.text,
        "exception": entry.exception,
    }


def _described(name: str, logger: logging.Logger) -> dict[str, Any]:
    return {
        "name": name[:120],
        "level": logging.getLevelName(logger.level),
        "effective_level": logging.getLevelName(logger.getEffectiveLevel()),
        "propagates": logger.propagate,
        "disabled": logger.disabled,
        "handlers": [type(handler).__name__ for handler in logger.handlers[:10]],
    }
