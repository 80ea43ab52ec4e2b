"""What the `system` skill's numbers mean: general statements about machines and containers."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Rate, Threshold

__all__ = ["CHECKS"]

_NAME_USER: Final = """
local found = system_top_processes(1, "cpu").processes[1] or {}
local used = found.cpu_percent or 0
return {name = found.name or "unknown", cpu_percent = used, taken = not found.observed and used >= 60}
"""

_DISK: Final = ("{disks.*.name}",)

CHECKS: Final = (
    Check(
        name="container_memory_limit",
        when=Threshold("container.memory_used_part", ">=", 0.92, times=2),
        severity="critical",
        observation=(
            "The container uses {container.memory_used_mb} MB of the {container.memory_limit_mb} MB of memory that it "
            "may have (a part of {value}); the application's process holds {process.rss_mb} MB of it"
        ),
        context="The limit was hit {container.memory_limit_hits_total} times so far; cached files are not counted",
        hypothesis="The kernel will kill the process when the limit is reached and nothing can be dropped",
        cause="memory_limit",
        remedy="Find what holds the memory, or raise the container's limit.",
    ),
    Check(
        name="machine_memory_exhausted",
        when=Threshold("memory.available_part", "<=", 0.04, times=2),
        severity="critical",
        observation=(
            "The machine has {memory.available_mb} MB of {memory.total_mb} MB of memory left (a part of {value}); the "
            "application's process holds {process.rss_mb} MB"
        ),
        context="Swap in use: a part of {memory.swap_used_part}",
        cause="memory_limit",
        remedy="Find the process that holds the memory: system_top_processes(10, 'memory').",
    ),
    Check(
        name="out_of_memory_kill",
        when=Rate("container.oom_kills_total", 0.0),
        severity="critical",
        observation="The kernel killed {change} processes of the container within {seconds:.0f} s for want of memory",
        context="The container uses {container.memory_used_mb} MB of {container.memory_limit_mb} MB",
        cause="memory_limit",
        remedy="Find what holds the memory, or raise the container's limit.",
    ),
    Check(
        name="swapping",
        when=Rate("memory.swapped_in_pages_total", 200.0, least_count=500),
        also=(Threshold("pressure.memory.some_avg10", ">=", 10.0),),
        severity="warning",
        observation=(
            "The machine reads {rate:.0f} pages a second back from swap, and work stood still for memory in "
            "{pressure.memory.some_avg10} % of the last 10 seconds"
        ),
        context="{memory.available_mb} MB available; of the application {process.swapped_mb} MB are swapped out",
        cause="memory_limit",
        remedy="Give the machine more memory, or let fewer processes share it.",
    ),
    Check(
        name="cpu_throttled",
        when=Rate("container.throttled_periods_total", 0.25, of="container.periods_total", least_count=5),
        severity="warning",
        observation=(
            "The container was stopped by its limit of {container.cpu_limit_cores} cores in a part of {rate:.2f} of "
            "all periods within {seconds:.0f} s"
        ),
        context="Stopped for {container.throttled_seconds_total} s altogether so far",
        cause="cpu_limit",
        remedy="Raise the processor limit, or find what computes so much.",
    ),
    Check(
        name="cpu_taken_by_others",
        when=Rate("process.cpu_wait_seconds_total", 0.5, least_count=1),
        also=(
            Threshold("cpu.busy_percent", ">=", 95.0),
            Threshold("pressure.cpu.some_avg10", ">=", 50.0),
            Threshold("process.cpu_percent", "<", {"path": "cpu.cores", "factor": 40.0}),
        ),
        drill=_NAME_USER,
        confirm=Threshold("taken", "==", True),
        severity="info",
        observation=(
            "The application's threads were ready and had no processor for {rate:.2f} s in each second; the machine is "
            "busy at {cpu.busy_percent} %, of which the application uses {process.cpu_percent} % of one core"
        ),
        context="The process that uses the most is {drill.name} with {drill.cpu_percent} % of a core",
        entities=("{drill.name}",),
        remedy="Give the application processors of its own, or end what takes them.",
    ),
    Check(
        name="disk_full",
        when=Threshold("disks.*.free_part", "<=", 0.01),
        also=(Threshold("disks.*.free_mb", "<", 1024.0),),
        severity="critical",
        observation="The file system {key} is full: {disks.*.free_mb} MB are free",
        context="{disks.*.type}, {disks.*.total_mb} MB in all",
        cause="disk_full",
        entities=_DISK,
        remedy="Remove what is not needed on {key}; look at logs and temporary files first.",
    ),
    Check(
        name="disk_filling",
        when=Threshold("disks.*.full_in_minutes", "<=", 60.0),
        also=(
            Threshold("disks.*.grown_mb_per_minute", ">=", 20.0),
            Threshold("disks.*.free_part", "<=", 0.25),
        ),
        severity="warning",
        observation=(
            "The file system {key} fills steadily by {disks.*.grown_mb_per_minute} MB a minute; {disks.*.free_mb} MB "
            "are free, so it is full in {value} minutes"
        ),
        cause="disk_full",
        entities=_DISK,
        remedy="Find what writes to {key}, and remove what is not needed.",
    ),
    Check(
        name="inodes_exhausted",
        when=Threshold("disks.*.inodes_free_part", "<=", 0.01),
        severity="critical",
        observation="The file system {key} can hold hardly any further file: a part of {value} of its inodes is free",
        context="{disks.*.free_mb} MB are free, but no file can be made",
        cause="disk_full",
        entities=_DISK,
        remedy="Remove small files that nobody needs from {key}.",
    ),
    Check(
        name="io_pressure",
        when=Threshold("pressure.io.full_avg60", ">=", 40.0),
        also=(Threshold("pressure.io.full_avg10", ">=", 40.0),),
        severity="info",
        observation="All work of the machine stood still for disks in {value} % of the last minute",
        context="{cpu.iowait_percent} % of the processors' time was spent waiting for disks",
        remedy="Find what reads and writes so much; system_process() says what the application did.",
    ),
    Check(
        name="task_limit",
        when=Threshold("container.tasks_used_part", ">=", 0.9),
        severity="warning",
        observation=(
            "The container has {container.tasks} of the {container.tasks_limit} processes and threads that it may "
            "have; {process.threads} are threads of the application"
        ),
        hypothesis="Starting a thread or a process will fail soon",
        cause="thread_leak",
        remedy="Find who starts threads and processes that do not end.",
    ),
)
"""The checks, the most telling first."""
