"""What can be set for all actors of a process, before the first is started."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from supervision.process.wire import Codec, Limits

__all__ = ["Settings", "configure", "current_settings"]


@lru_cache(maxsize=8)
def _codec(limits: Limits) -> Codec:
    return Codec(limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Hold the settings of the process layer.

    Args:
        launcher: `"zygote"` (Linux: forked ahead of need) or `"spawn"` (multiprocessing, everywhere).
        spares: how many idle processes wait to become actors. Each costs about 2 MB.
        preload: modules that every fork server imports before it forks.
        limits: the longest frame in bytes and the deepest nesting of a message.
        outbox_bytes: how much one actor may have unread before sends to it raise `MailboxFull`.
        start_timeout: seconds an actor may take for its `__init__` and `on_start`; None for no limit, as in OTP.
        rehearse: whether spares play a promotion ahead, which makes the real one quicker.
        withheld_env: names of environment variables that fork servers and actors do not get, but for actors whose
            class asks for them (`ProcessActor.environment`).
        lifeline: the read end of the application's lifeline; set by the application itself.
    """

    launcher: Literal["zygote", "spawn"] = "zygote"
    spares: int = 2
    preload: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    outbox_bytes: int = 64 * 2**20
    start_timeout: float | None = None
    rehearse: bool = True
    withheld_env: tuple[str, ...] = ()
    lifeline: int = -1

    @property
    def codec(self) -> Codec:
        """The codec with these limits."""
        return _codec(self.limits)


_DEFAULT_LAUNCHER: Literal["zygote", "spawn"] = (
    "spawn" if os.environ.get("SUPERVISION_LAUNCHER") == "spawn" or not os.path.isdir("/proc/self/task") else "zygote"
)
_settings = Settings(launcher=_DEFAULT_LAUNCHER)


def current_settings() -> Settings:
    """Return the settings that the next runtime starts with."""
    return _settings


def configure(**changes: Any) -> Settings:
    """Change settings; call it before the first actor is started.

    Args:
        changes: fields of `Settings`.

    Raises:
        TypeError: an unknown setting.
        ValueError: a value that cannot be.
        RuntimeError: actors run already, and would not see the change.
    """
    global _settings
    from supervision.process import application

    if application.running():
        raise RuntimeError("actors were started already; call configure() before the first one")
    if isinstance(changes.get("withheld_env"), str):
        raise ValueError(f"withheld_env is {changes['withheld_env']!r}; a tuple of names is expected")
    changed = replace(_settings, **changes)
    if changed.launcher not in ("zygote", "spawn"):
        raise ValueError(f"launcher is {changed.launcher!r}; 'zygote' or 'spawn' is expected")
    if changed.spares < 0:
        raise ValueError(f"spares is {changed.spares}; a number from 0 up is expected")
    _settings = changed
    return changed
