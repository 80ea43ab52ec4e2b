"""A small /proc and /sys/fs/cgroup as the kernel writes them, in a directory, with numbers that can be changed."""

from __future__ import annotations

from pathlib import Path

PID = 4242


class Kernel:
    """Write the files."""

    def __init__(self, root: Path) -> None:
        self.proc = root / "proc"
        self.groups = root / "cgroup"
        self.write("proc/stat", "cpu  100 0 100 800 0 0 0 0 0 0\n")
        self.write("proc/meminfo", "MemTotal: 8000000 kB\nMemFree: 100000 kB\nMemAvailable: 4000000 kB\n")
        self.write("proc/vmstat", "pswpin 0\npswpout 0\noom_kill 0\n")
        self.write(f"proc/{PID}/mounts", "")
        self.write(f"proc/{PID}/stat", f"{PID} (a (b) c) S 1 " + "0 " * 7 + "3 0 500 500 0 0 20 0 7 0 1000 0 2560\n")
        self.write(f"proc/{PID}/cgroup", "0::/app/web\n")
        self.write("cgroup/cgroup.controllers", "cpu memory pids\n")

    @property
    def root(self) -> Path:
        return self.proc.parent

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def group(self, path: str, **files: str) -> None:
        for name, text in files.items():
            self.write(f"cgroup/{path}/{name.replace('__', '.')}", text)


def make_kernel(root: Path) -> Kernel:
    """Return one below a directory."""
    root.mkdir(parents=True, exist_ok=True)
    return Kernel(root)
