"""The cases: which program, how it is loaded, and the truth about it, which nobody but the judge knows. Data only."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.cases.surroundings import Surroundings

__all__ = ["CASES", "Case"]


@dataclass(frozen=True, slots=True)
class Case:
    """Describe one program.

    Args:
        skill: the subject that it is about.
        program: `module:function` below `benchmarks.cases`.
        causes: true causes by their keys, the best first; for what has no cause in the table, the check's name.
            Empty for a healthy program.
        named: what a true explanation names, one of these texts: a file and line, a container, a type.
        rate: requests a second.
        brewing: seconds under load before the first look.
        routes: what is asked for, one after the other; `{}` is the number of the request.
        surroundings: what the program is put into.
        options: of skills, by their names; a skill that has some works as well.
    """

    skill: str
    program: str
    causes: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    rate: float = 100.0
    brewing: float = 10.0
    routes: tuple[str, ...] = ("/{}",)
    surroundings: Surroundings = field(default_factory=Surroundings)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What reports call it."""
        return f"{self.skill}: {self.program.partition(':')[2].replace('_', ' ')}"

    @property
    def healthy(self) -> bool:
        """Tell whether nothing is wrong with it."""
        return not self.causes


_LEARN_SOON: Final = {"anomaly": {"interval": 1.0, "learning_seconds": 40.0, "in_a_row": 20, "directory": False}}
"""Two hours are usual, and a sample every 30 seconds; so that, as there, an investigation is shorter than the row."""
_FROM_OUTSIDE: Final = {"asyncio": {"dump_signal": int(signal.SIGUSR2)}, "loop_blocks": {}}

CASES: Final = (
    Case("vm", "waiting:never_ending_threads", ("thread_leak",), ("cases/waiting.py", "_track")),
    Case("vm", "memory:endless_history", ("cache_growth", "memory_leak"), ("Auditor.audit", "Audit"), 200),
    Case("vm", "waiting:busy_pool"),
    Case("vm", "memory:ring_of_history", rate=200),
    Case("gc", "memory:linked_sessions", ("memory_leak", "cache_growth"), ("Session", "Visits"), 200),
    Case(
        "gc",
        "memory:cycles_never_collected",
        ("memory_leak", "gc_pressure", "config_change"),
        ("Node", "collector", "gc"),
        100,
    ),
    Case("gc", "memory:sessions_that_end", rate=200),
    Case("gc", "memory:busy_cycles", rate=100),
    Case("caches", "memory:endless_cache", ("cache_growth",), ("site.pages", "Pages"), 200),
    Case("caches", "memory:endless_function_cache", ("cache_growth",), ("_kept_for_ever",), 200),
    Case("caches", "memory:bounded_cache", rate=200),
    Case("caches", "memory:bounded_function_cache", rate=200),
    Case("asyncio", "waiting:sleeping_handler", ("loop_blocked",), ("cases/waiting.py",)),
    Case("asyncio", "waiting:computing_handler", ("loop_blocked", "cpu_bound"), ("cases/waiting.py",)),
    Case("asyncio", "waiting:never_ending_tasks", ("task_leak",), ("cases/waiting.py", "_follow")),
    Case("asyncio", "waiting:sleeping_in_threads"),
    Case("asyncio", "waiting:working_in_threads"),
    Case("asyncio", "waiting:busy_tasks"),
    Case("locks", "waiting:lock_over_socket", ("lock_over_io",), ("cases/waiting.py", "Stock"), 60),
    Case("locks", "waiting:two_locks_crossed", ("deadlock",), ("cases/waiting.py", "Accounts")),
    Case("locks", "waiting:busy_lock", rate=60),
    Case("locks", "waiting:ordered_locks"),
    Case("exception", "resources:logged_exceptions", ("exception_storm",), ("cases/resources.py",)),
    Case("exception", "resources:dying_threads", ("exception_storm", "errors"), ("cases/resources.py", "threads")),
    Case("exception", "resources:caught_exceptions"),
    Case("exception", "resources:threads_that_end"),
    Case("ports", "resources:files_never_closed", ("fd_leak",), ("invoice",)),
    Case("ports", "resources:sockets_never_closed", ("socket_leak", "fd_leak"), ("socket",)),
    Case("ports", "resources:busy_files"),
    Case("ports", "resources:busy_sockets"),
    Case("sql", "databases:index_missing", ("slow_query",), ("cases/databases.py", "_stars"), 4),
    Case("sql", "databases:customer_of_each_order", ("n_plus_one",), ("cases/databases.py",), 40),
    Case("sql", "databases:connections_kept_over_call", ("pool_exhausted",), ("cases/databases.py",), 60),
    Case("sql", "databases:transaction_forgotten", ("idle_transaction",), ("_reserve",), 50, 25),
    Case("sql", "databases:busy_statements", rate=60),
    Case("sql", "databases:customers_joined", rate=60),
    Case("sql", "databases:busy_pool_of_connections", rate=40),
    Case("sql", "databases:transactions_ended", rate=50),
    Case("http", "traffic:backend_failing", ("errors",), ("GET /{number",)),
    Case(
        "http", "traffic:requests_never_answered", ("slow_requests", "overload"), ("_wait_for_approval", "traffic.py")
    ),
    Case("http", "traffic:missing_pages"),
    Case("http", "traffic:steady_slow_route", rate=50),
    Case("outbound", "traffic:partner_slow", ("slow_dependency",), ("127.0.0.1",), 50, 25),
    Case("outbound", "traffic:partner_hangs", ("slow_dependency",), ("127.0.0.1",), 50, 25),
    Case("outbound", "traffic:busy_partner", rate=50),
    Case("outbound", "traffic:steady_partner", rate=50),
    Case("overload", "traffic:queue_without_bound", ("overload", "queue_growth"), ("_orders", "_fulfil", "traffic.py")),
    Case("overload", "traffic:pool_too_small", ("overload", "queue_growth"), ("resize", "traffic.py")),
    Case("overload", "traffic:busy_queue"),
    Case("logger", "traffic:error_for_each", ("errors", "log_storm"), ("traffic.py", "shop.orders")),
    Case("logger", "traffic:warning_for_each", ("log_storm",), ("traffic.py", "shop.orders")),
    Case("logger", "traffic:busy_log"),
    Case(
        "vm_events", "traffic:regular_expression", ("gil_contention", "loop_blocked"), ("traffic.py", "_is_address"), 50
    ),
    Case("vm_events", "traffic:collecting_by_hand", ("gc_pressure",), ("collection", "collector"), 50),
    Case("vm_events", "traffic:hashing_in_threads", rate=50),
    Case("vm_events", "busy:short_lived_objects", rate=50),
    Case("overload", "busy:bursts_that_drain"),
    Case("logger", "busy:errors_now_and_then"),
    Case("sup", "trees:mail_that_cannot_be_sent", ("crash_loop",), ("shop/mailer",)),
    Case("sup", "trees:pool_of_a_dead_worker", ("crash_loop",), ("process pool",), brewing=20),
    Case("sup", "trees:workers_that_cannot_begin", ("crash_loop",), ("orders", "Process"), brewing=15),
    Case("sup", "trees:commands_never_waited_for", ("zombie_processes",), ("child processes",), brewing=40),
    Case("sup", "trees:busy_actors"),
    Case("sup", "trees:busy_process_pool"),
    Case("sup", "trees:workers_that_take_turns"),
    Case("sup", "trees:commands_waited_for"),
    Case(
        "system",
        "machines:signatures_held_back",
        ("cpu_limit",),
        ("0.5 cores",),
        50,
        surroundings=Surroundings(cores=0.5),
    ),
    Case(
        "system",
        "machines:cache_larger_than_container",
        ("memory_limit",),
        ("of the 700 MB", "of the 700.0 MB"),
        surroundings=Surroundings(memory_mb=700),
    ),
    Case(
        "system",
        "machines:spool_never_emptied",
        ("disk_full",),
        ("shop-spool-",),
        surroundings=Surroundings(disk_mb=128),
    ),
    Case("system", "machines:signatures_with_room", rate=20, surroundings=Surroundings(cores=1.5)),
    Case("system", "machines:cache_that_fits", surroundings=Surroundings(memory_mb=700)),
    Case("system", "machines:spool_that_rotates", surroundings=Surroundings(disk_mb=128)),
    Case("changes", "settings:debugging_left_on", ("config_change",), ("shop.checkout",), brewing=22),
    Case("changes", "settings:tracing_left_on", ("config_change",), ("tracemalloc",), brewing=110),
    Case("changes", "settings:partner_moved", ("config_change",), ("partner",), 50, 27),
    Case("changes", "settings:code_replaced", ("config_change",), ("warehouse",), brewing=45),
    Case("changes", "settings:settings_read_again", rate=50),
    Case("changes", "settings:modules_needed_later", rate=50),
    Case("changes", "settings:debugging_a_quiet_part", brewing=22),
    Case("changes", "settings:tracing_for_a_moment", rate=50),
    Case("allocator", "heaps:rows_among_rows", ("fragmentation",), ("allocators",), 50, 65),
    Case("allocator", "heaps:texts_among_texts", ("fragmentation",), ("allocators",), 50, 65),
    Case("allocator", "heaps:catalogue_in_memory", rate=50, brewing=40),
    Case("allocator", "heaps:large_buffers_given_back", rate=50, brewing=40),
    Case("anomaly", "usual:cache_lost", ("unusual_value",), ("http.",), 50, 84, options=_LEARN_SOON),
    Case("anomaly", "usual:importer_falls_silent", ("unusual_value",), ("logger.",), 50, 84, options=_LEARN_SOON),
    Case("anomaly", "usual:noisy_and_stationary", rate=50, brewing=50, options=_LEARN_SOON),
    Case("anomaly", "usual:slow_tide", rate=50, brewing=50, options=_LEARN_SOON),
    Case(
        "loop_blocks",
        "native:expression_explodes",
        ("loop_blocked", "gil_contention"),
        ("_is_postcode", "cases/native.py"),
        50,
        options=_FROM_OUTSIDE,
    ),
    Case(
        "loop_blocks",
        "native:large_list_sorted",
        ("loop_blocked", "gil_contention"),
        ("_ranked", "cases/native.py"),
        50,
        options=_FROM_OUTSIDE,
    ),
    Case("loop_blocks", "native:expressions_match", rate=50, options=_FROM_OUTSIDE),
    Case("loop_blocks", "native:small_lists_sorted", rate=50, options=_FROM_OUTSIDE),
)
