"""The callbacks that every skill has beside its own: the time, the node, and the project's source code."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from beamlens.errors import SkillError
from beamlens.skills.source import ProjectSource, project_roots

__all__ = ["BaseCallbacks"]

_DOCS: Final[Mapping[str, str]] = {
    "get_current_time": """\
### get_current_time()
The present time: `timestamp` (ISO 8601, UTC) and `unix_ms` (milliseconds since 1970).

```lua
return get_current_time().timestamp
```""",
    "get_node_info": """\
### get_node_info()
The observed process: `node` (host name), `pid`, `uptime_seconds`, `os_type`, `os_name`, `python` (version),
`implementation`. A field that cannot be found out is nil.

```lua
local info = get_node_info()
return info.node .. " up " .. info.uptime_seconds
```""",
    "source": """\
### source(name_or_file, line)
A few lines of the project's own source code: `file`, `line` and `lines` (each `number: text`). Give a module, function
or class (`shop.orders.place`), or a file (`shop/orders.py`) with a line. Installed packages are not shown.

```lua
return source("shop/orders.py", 88).lines
```""",
}


class BaseCallbacks:
    """Make the base callbacks for skills of one observed process. Any thread.

    Args:
        pid: of the observed process; 0 means this one.
    """

    def __init__(self, pid: int = 0) -> None:
        self._pid = pid or os.getpid()
        self._source: ProjectSource | None = None

    def callbacks(self) -> dict[str, Callable[..., Any]]:
        """Return the functions by name."""
        return {
            "get_current_time": get_current_time,
            "get_node_info": self.get_node_info,
            "source": self.source,
        }

    def docs(self, without: Collection[str] = ()) -> str:
        """Return their documentation as Markdown, but for those that a skill has itself."""
        return "\n\n".join(text for name, text in _DOCS.items() if name not in without)

    def get_node_info(self) -> dict[str, Any]:
        """Return what the observed process is and where it runs."""
        return {
            "node": platform.node(),
            "pid": self._pid,
            "uptime_seconds": _uptime(self._pid),
            "os_type": {"posix": "unix", "nt": "windows"}.get(os.name, os.name),
            "os_name": sys.platform,
            "python": platform.python_version(),
            "implementation": sys.implementation.name,
        }

    def source(self, name_or_file: str, line: int | None = None) -> dict[str, Any]:
        """Return a few lines of the project's own source code; see `ProjectSource.show`."""
        if self._source is None:
            self._source = ProjectSource(_roots(self._pid))
        return self._source.show(name_or_file, line)


def get_current_time() -> dict[str, Any]:
    """Return the time as text and as milliseconds since 1970."""
    now = time.time_ns() // 1_000_000
    stamp = datetime.fromtimestamp(now / 1000, UTC).isoformat(timespec="milliseconds")
    return {"timestamp": stamp.replace("+00:00", "Z"), "unix_ms": now}


def _uptime(pid: int) -> float | None:
    """Return the seconds since the process began, None where that cannot be known.

    From /proc/pid/stat, field 22 (proc(5)): the start in clock ticks since the machine's boot.
    """
    try:
        started = int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19])
        booted = float(Path("/proc/uptime").read_text().split()[0])
        return round(booted - started / os.sysconf("SC_CLK_TCK"), 1)
    except (OSError, ValueError, IndexError):
        return _uptime_elsewhere(pid)


def _uptime_elsewhere(pid: int) -> float | None:
    try:
        import psutil  # only where there is no /proc: it costs the application 10 ms and 1 MB

        return round(time.time() - float(psutil.Process(pid).create_time()), 1)
    except Exception:
        return None


def _roots(pid: int) -> list[Path]:
    if pid == os.getpid():
        main = vars(sys.modules["__main__"]).get("__file__") if "__main__" in sys.modules else None
        return project_roots(Path.cwd(), main)
    try:
        return project_roots(Path(os.readlink(f"/proc/{pid}/cwd")), None)
    except OSError as error:
        raise SkillError("refused", f"the working directory of process {pid} cannot be found out: {error}") from None
