"""Collect the facts of this process: packages, environment, settings, code, log levels, the interpreter's switches."""

from __future__ import annotations

import gc
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from beamlens.skills.differences.facts import fingerprint
from beamlens.skills.interpreter.places import owner_of, shown_file

__all__ = ["OBSERVED", "code", "environment", "log_levels", "packages", "runtime", "settings"]

_DIST_INFO: Final = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)\.(?:dist|egg)-info\Z")
_HOLDERS: Final = re.compile(r"settings|config|conf\Z", re.IGNORECASE)
_MOST: Final = 2000
OBSERVED: Final = "observed"
"""Stands for a hook that this package has put in."""
# What shells and test runners change as they go.
_NOT_SETTINGS: Final = frozenset(["_", "PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES", "PYTEST_CURRENT_TEST"])


def packages() -> dict[str, str]:
    """Return the versions of installed packages, by the names of their directories: no file is opened."""
    found = {"python": sys.version.split()[0]}
    for directory in dict.fromkeys(sys.path):
        try:
            names = [entry for entry in os.listdir(directory or ".") if entry.endswith(("-info",))]
        except OSError:
            continue
        for name in names:
            match = _DIST_INFO.match(name)
            if match is not None:
                found.setdefault(match["name"].lower().replace("_", "-"), match["version"])
    return found


def environment(salt: bytes) -> dict[str, str]:
    """Return the fingerprints of environment variables."""
    known = list(os.environ.items())[:_MOST]
    return {name: fingerprint(value, salt) or "" for name, value in known if name not in _NOT_SETTINGS}


def settings(salt: bytes) -> dict[str, str]:
    """Return the fingerprints of settings: capitals of the application's modules, and what settings objects hold.

    Only plain values count. No code of the application runs.
    """
    found: dict[str, str] = {}
    for module in _application_modules():
        for name, value in _settings_of(module):
            text = fingerprint(value, salt)
            if text is not None and len(found) < _MOST:
                found[name] = text
    return found


def _settings_of(module: ModuleType) -> Iterator[tuple[str, Any]]:
    held = vars(module)
    prefix = held.get("__name__", "")
    for name, value in list(held.items()):
        if not isinstance(name, str) or name.startswith("__"):
            continue
        if name.isupper():
            yield f"{prefix}.{name}", value
        elif _HOLDERS.search(name) and not isinstance(value, ModuleType):
            yield from _held_by(f"{prefix}.{name}", value)


def _held_by(path: str, value: object) -> Iterator[tuple[str, Any]]:
    """Yield what a settings object or class holds as plain attributes."""
    try:
        held = value.__dict__ if isinstance(value, type) else object.__getattribute__(value, "__dict__")
    except AttributeError:
        return
    for name, each in list(held.items()):
        if isinstance(name, str) and not name.startswith("__"):
            yield f"{path}.{name}", each


def _application_modules() -> Iterator[ModuleType]:
    for module in list(sys.modules.values()):
        if not isinstance(module, ModuleType):
            continue
        file = vars(module).get("__file__")
        if isinstance(file, str) and owner_of(file) == "application":
            yield module


def code(known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return when the files of the application's loaded modules were changed last, and their sizes.

    Args:
        known: an earlier answer, which holds for the files in it: only others are asked for. None: all are.
    """
    found = dict(known or {})
    for module in list(_application_modules())[:_MOST]:
        file = str(vars(module)["__file__"])
        if shown_file(file) in found:
            continue
        try:
            told = os.stat(file)
        except OSError:
            continue
        found[shown_file(file)] = f"{told.st_mtime_ns}:{told.st_size}"
    commit = _commit(Path.cwd()) if known is None else None
    return found | ({"commit": commit} if commit else {})


def _commit(directory: Path) -> str | None:
    """Return the commit that is checked out, read from .git without git."""
    try:
        head = (directory / ".git" / "HEAD").read_text(encoding="ascii").strip()
        if head.startswith("ref: "):
            return (directory / ".git" / head[5:]).read_text(encoding="ascii").strip()[:12]
    except (OSError, ValueError):
        return None
    return head[:12]


def log_levels() -> dict[str, str]:
    """Return the levels of the loggers that have one of their own."""
    known = list(logging.root.manager.loggerDict.items())[:_MOST]
    found = {"root": logging.getLevelName(logging.root.level)}
    found |= {
        name: logging.getLevelName(logger.level)
        for name, logger in known
        if isinstance(logger, logging.Logger) and logger.level
    }
    return found | {"disabled below": logging.getLevelName(logging.root.manager.disable)}


def runtime() -> dict[str, str]:
    """Return the interpreter's switches and hooks."""
    tracing = sys.modules.get("tracemalloc")
    return {
        "gc": "on" if gc.isenabled() else "off",
        "gc thresholds": str(gc.get_threshold()),
        "gc debugging": str(gc.get_debug()),
        "switch interval": str(sys.getswitchinterval()),
        "recursion limit": str(sys.getrecursionlimit()),
        "tracemalloc": "on" if tracing is not None and tracing.is_tracing() else "off",
        "trace function": "on" if threading.gettrace() is not None else "off",
        "profile function": "on" if threading.getprofile() is not None else "off",
        "stack size of threads": str(threading.stack_size()),
        "sys.excepthook": _hook(sys.excepthook),
        "threading.excepthook": _hook(threading.excepthook),
        "import path": str(len(sys.path)),
    } | {f"signal {number.name}": _hook(handler) for number, handler in _handlers()}


def _handlers() -> Iterator[tuple[signal.Signals, Any]]:
    for number in sorted(signal.valid_signals()):
        if isinstance(number, signal.Signals):
            yield number, signal.getsignal(number)


def _hook(hook: Any) -> str:
    module, name = getattr(hook, "__module__", None), getattr(hook, "__qualname__", None)
    if str(module).partition(".")[0] in ("beamlens", "supervision"):
        return OBSERVED  # ours comes and goes, and passes on
    return f"{module}.{name}" if module and name else str(getattr(hook, "name", type(hook).__name__))
