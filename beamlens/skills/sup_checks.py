"""What the `sup` skill's numbers mean: general statements about programs that supervise and have workers."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Rate, Threshold

__all__ = ["CHECKS"]

CHECKS: Final = (
    Check(
        name="crash_loop",
        when=Threshold("crash_loops.*.deaths", ">=", 3),
        also=(Threshold("crash_loops.*.last_ago_seconds", "<=", 60.0),),
        severity="critical",
        observation=(
            "{key} died {value} times within {crash_loops.*.within_seconds} s, after "
            "{crash_loops.*.mean_life_seconds} s of life on average; the last time of {crash_loops.*.last_reason}"
        ),
        context="A {crash_loops.*.kind}; the last death was {crash_loops.*.last_ago_seconds} s ago",
        hypothesis="It meets the same fault soon after each start, at {crash_loops.*.where}",
        cause="crash_loop",
        entities=("{key}", "{crash_loops.*.where}"),
        remedy="Look at what {key} does right after its start, and at what it is given.",
    ),
    Check(
        name="restart_storm",
        when=Rate("restarts_total", 1.0, least_count=6),
        severity="warning",
        observation="{change} children were restarted within {seconds:.0f} s, {rate:.1f} a second",
        context="{trees.running} of {trees.children} children run now, {trees.restarting} are being started",
        cause="restart_storm",
        remedy="Look at who dies and why: sup_deaths(20).",
    ),
    Check(
        name="broken_pool",
        when=Threshold("pools.broken.*.broken", "==", True),
        severity="critical",
        observation="The {pools.broken.*.kind} {key} is broken: each further task fails at once",
        context="{pools.broken.*.waiting} tasks waited in it",
        hypothesis="One of its workers was killed or ended by itself in the middle of a task",
        cause="crash_loop",
        entities=("{key}",),
        remedy="Make a new pool; find out why a worker died, memory first.",
    ),
    Check(
        name="zombie_processes",
        when=Threshold("processes.zombies", ">=", 5),
        also=(Threshold("processes.oldest_zombie_seconds", ">=", 30.0),),
        severity="warning",
        observation=(
            "{value} child processes have ended and nobody has asked for their exit codes, the oldest for "
            "{processes.oldest_zombie_seconds} s"
        ),
        context="{processes.children} children in all",
        hypothesis="Processes are started and never waited for, so that process ids run out in the end",
        remedy="Wait for each process that is started: Popen.wait(), Process.join().",
    ),
)
"""The checks, the most telling first."""
