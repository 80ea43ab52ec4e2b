"""The table of causes: what is known of Python programs in general, as data.

`CAUSES` says what each key means. `EFFECTS` says what leads to what, and why; read it as "the first makes the second".
It has no circle, so that of two findings one can be the cause. Beside the causes that checks name there are symptoms
(`slow_requests`, `errors`, `queue_growth`), which may stand as `Check.cause` or as its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

__all__ = [
    "CAUSES",
    "EFFECTS",
    "SYMPTOMS",
    "Effect",
    "effects_between",
    "hidden_causes",
    "is_direct",
    "key_of",
    "means",
]


@dataclass(frozen=True, slots=True)
class Effect:
    """One row: the first makes the second, and why."""

    cause: str
    effect: str
    because: str


CAUSES: dict[str, str] = {
    "memory_leak": "memory is kept that is not needed any more",
    "cache_growth": "a container or cache grows without bound",
    "fragmentation": "freed memory cannot be given back because it is in pieces",
    "native_memory": "memory outside the interpreter's own grows",
    "gc_pressure": "the garbage collector works often or long",
    "thread_leak": "threads are started and never end",
    "task_leak": "asyncio tasks are started and never end",
    "lock_over_io": "a lock is held while its holder waits for input or output",
    "lock_contention": "threads wait for a lock",
    "deadlock": "threads wait for each other and none can go on",
    "loop_blocked": "synchronous code keeps an event loop from running",
    "cpu_bound": "computing takes all of a processor",
    "gil_contention": "threads wait for the interpreter's lock",
    "exception_storm": "exceptions are raised in great number",
    "log_storm": "log records are written in great number",
    "fd_leak": "descriptors are opened and never closed",
    "socket_leak": "sockets are opened and never closed",
    "slow_query": "a database query takes long",
    "n_plus_one": "one query is sent again for each row of another",
    "idle_transaction": "a database transaction is left open while nothing is done in it",
    "pool_exhausted": "all connections of a pool are taken",
    "slow_dependency": "another service answers slowly",
    "overload": "more work comes in than gets done",
    "disk_full": "the disk is full",
    "memory_limit": "memory is near its limit",
    "cpu_limit": "the container's processor limit holds the program back",
    "crash_loop": "a process dies again and again soon after its start",
    "restart_storm": "many children are restarted within a short time",
    "config_change": "code, configuration or packages were changed",
    "slow_requests": "requests take long",
    "errors": "requests fail",
    "queue_growth": "a queue grows",
}

# What hardly ever begins by itself: two of these may well have one cause that was not seen.
SYMPTOMS = frozenset(
    {
        "cpu_limit",
        "crash_loop",
        "errors",
        "gc_pressure",
        "gil_contention",
        "lock_contention",
        "log_storm",
        "loop_blocked",
        "memory_limit",
        "overload",
        "pool_exhausted",
        "queue_growth",
        "restart_storm",
        "slow_requests",
    }
)

_ROWS: tuple[tuple[str, str, str], ...] = (
    ("lock_over_io", "lock_contention", "whoever needs the lock waits as long as the input or output takes"),
    ("lock_over_io", "overload", "the work that needs the lock gets done one piece at a time"),
    ("lock_over_io", "slow_requests", "requests that need the lock wait for it"),
    ("lock_over_io", "loop_blocked", "a loop whose thread waits for the lock runs nothing else"),
    ("lock_contention", "overload", "waiting threads do no work, so that it piles up"),
    ("lock_contention", "pool_exhausted", "waiting threads keep what they have checked out"),
    ("lock_contention", "slow_requests", "requests wait in threads that wait"),
    ("lock_contention", "loop_blocked", "a loop whose thread waits for a lock runs nothing else"),
    ("deadlock", "lock_contention", "whoever needs one of the locks waits for ever"),
    ("deadlock", "overload", "the threads in the deadlock do no more work"),
    ("deadlock", "slow_requests", "requests wait for threads that never go on"),
    ("deadlock", "thread_leak", "threads that wait for ever never end"),
    ("deadlock", "pool_exhausted", "threads that wait for ever give nothing back"),
    ("loop_blocked", "slow_requests", "while the loop is blocked no request on it goes on"),
    ("loop_blocked", "overload", "while the loop is blocked work comes in and none is done"),
    ("cpu_bound", "gil_contention", "the thread that computes holds the interpreter's lock"),
    ("cpu_bound", "loop_blocked", "computing on the loop's thread keeps the loop from running"),
    ("cpu_bound", "cpu_limit", "computing uses up what the container is allowed"),
    ("cpu_bound", "slow_requests", "other work waits for the processor"),
    ("cpu_bound", "overload", "work comes in faster than it is computed"),
    ("gil_contention", "loop_blocked", "the loop's thread waits for the interpreter's lock"),
    ("gil_contention", "slow_requests", "every thread waits its turn"),
    ("cpu_limit", "slow_requests", "the program is stopped for a part of each period"),
    ("cpu_limit", "loop_blocked", "the loop stands still while the program is stopped"),
    ("cpu_limit", "overload", "less work gets done than comes in"),
    ("cache_growth", "memory_leak", "what the container holds is never freed"),
    ("cache_growth", "gc_pressure", "the more objects are alive, the longer a collection takes"),
    ("cache_growth", "memory_limit", "the container's memory adds up to the limit"),
    ("memory_leak", "gc_pressure", "the more objects are alive, the longer a collection takes"),
    ("memory_leak", "memory_limit", "kept memory adds up to the limit"),
    ("native_memory", "memory_limit", "memory outside the interpreter counts too"),
    ("fragmentation", "memory_limit", "memory that cannot be given back counts too"),
    ("thread_leak", "memory_leak", "each thread keeps its stack and what its frames refer to"),
    ("thread_leak", "native_memory", "each thread keeps a stack outside the interpreter's memory"),
    ("thread_leak", "memory_limit", "the threads' stacks add up"),
    ("thread_leak", "gil_contention", "more threads take turns"),
    ("thread_leak", "fd_leak", "threads that do not end keep their descriptors"),
    ("thread_leak", "socket_leak", "threads that do not end keep their sockets"),
    ("task_leak", "memory_leak", "each task keeps its frames and what they refer to"),
    ("task_leak", "socket_leak", "tasks that do not end keep their sockets"),
    ("task_leak", "fd_leak", "tasks that do not end keep their descriptors"),
    ("gc_pressure", "loop_blocked", "a collection stops the loop's thread too"),
    ("gc_pressure", "slow_requests", "each collection stops the program"),
    ("gc_pressure", "cpu_bound", "collecting takes the processor's time"),
    ("memory_limit", "crash_loop", "the kernel kills what goes over the limit"),
    ("exception_storm", "log_storm", "each exception is logged"),
    ("exception_storm", "errors", "requests end with the exception"),
    ("exception_storm", "cpu_bound", "making and formatting tracebacks takes the processor's time"),
    ("exception_storm", "crash_loop", "what is not caught ends the process"),
    ("exception_storm", "restart_storm", "children that raise are restarted"),
    ("log_storm", "disk_full", "the records fill the disk"),
    ("log_storm", "cpu_bound", "formatting records takes the processor's time"),
    ("log_storm", "slow_requests", "requests wait until their records are written"),
    ("socket_leak", "fd_leak", "each socket is a descriptor"),
    ("socket_leak", "pool_exhausted", "connections are not given back"),
    ("fd_leak", "exception_storm", "without a free descriptor opening anything fails"),
    ("fd_leak", "errors", "without a free descriptor requests fail"),
    ("slow_query", "pool_exhausted", "connections are kept until the query ends"),
    ("slow_query", "lock_over_io", "a lock held around the query is held as long"),
    ("slow_query", "slow_requests", "requests wait for the query"),
    ("slow_query", "overload", "work waits for the query"),
    ("n_plus_one", "slow_query", "many small queries add up"),
    ("n_plus_one", "pool_exhausted", "connections are kept for many queries"),
    ("n_plus_one", "slow_requests", "requests wait for many queries"),
    ("idle_transaction", "pool_exhausted", "the connection is kept as long as the transaction"),
    ("idle_transaction", "lock_contention", "the rows that it changed stay locked"),
    ("idle_transaction", "slow_query", "statements wait for the rows that it locked"),
    ("pool_exhausted", "slow_requests", "requests wait for a connection"),
    ("pool_exhausted", "overload", "work waits for a connection"),
    ("pool_exhausted", "exception_storm", "waiting for a connection ends with an exception"),
    ("pool_exhausted", "errors", "requests end without a connection"),
    ("slow_dependency", "pool_exhausted", "connections are kept until the other service answers"),
    ("slow_dependency", "lock_over_io", "a lock held around the call is held as long"),
    ("slow_dependency", "thread_leak", "threads wait for the other service and new ones are started"),
    ("slow_dependency", "task_leak", "tasks wait for the other service and new ones are started"),
    ("slow_dependency", "slow_requests", "requests wait for the other service"),
    ("slow_dependency", "overload", "work waits for the other service"),
    ("slow_dependency", "exception_storm", "waiting ends with exceptions"),
    ("disk_full", "errors", "requests that write fail"),
    ("crash_loop", "restart_storm", "each death is a restart"),
    ("crash_loop", "errors", "requests to a process that died fail"),
    ("restart_storm", "errors", "requests fail while children start"),
    ("overload", "queue_growth", "what is not done waits"),
    ("overload", "slow_requests", "requests wait in the queue"),
    ("slow_requests", "queue_growth", "what is not done waits"),
    ("config_change", "exception_storm", "the new code or configuration raises"),
    ("config_change", "memory_leak", "the new code keeps memory"),
    ("config_change", "slow_query", "the new code or schema asks differently"),
    ("config_change", "crash_loop", "the new code or configuration does not start"),
    ("config_change", "slow_dependency", "the new configuration points elsewhere"),
    ("config_change", "cpu_bound", "the new code computes more"),
    ("config_change", "log_storm", "the new log level lets more through"),
)

EFFECTS: tuple[Effect, ...] = tuple(Effect(*row) for row in _ROWS)
_DIRECT: dict[tuple[str, str], Effect] = {(row.cause, row.effect): row for row in EFFECTS}


def key_of(cause: str | None, anomaly_type: str) -> str | None:
    """Return a finding's key in the table: its cause, else its type where that is one; None where neither is known."""
    if cause in CAUSES:
        return cause
    return anomaly_type if anomaly_type in CAUSES else None


def means(key: str) -> str:
    """Return what a cause means, as a clause."""
    return CAUSES.get(key, key.replace("_", " "))


def is_direct(cause: str, effect: str) -> bool:
    """Tell whether the table says that the first makes the second without anything in between."""
    return (cause, effect) in _DIRECT


@cache
def effects_between(cause: str, effect: str) -> tuple[Effect, ...]:
    """Return why the first makes the second: one row, or two by way of a third; empty where the table knows no way."""
    direct = _DIRECT.get((cause, effect))
    if direct is not None:
        return (direct,)
    for row in EFFECTS:
        onward = _DIRECT.get((row.effect, effect)) if row.cause == cause else None
        if onward is not None:
            return (row, onward)
    return ()


@cache
def hidden_causes(one: str, other: str) -> tuple[str, ...]:
    """Return what makes both, in the table's order, where both are symptoms and neither makes the other.

    A changed configuration can make nearly everything, so that it explains nothing here.
    """
    if one == other or not {one, other} <= SYMPTOMS or is_direct(one, other) or is_direct(other, one):
        return ()
    return tuple(key for key in CAUSES if key != "config_change" and (key, one) in _DIRECT and (key, other) in _DIRECT)
