"""How much of a while a thread could not go on for want of a processor: for itself, or for who held the interpreter.

A thread of Python's that waits for the interpreter lock does not wait for a processor, as the kernel counts; but who
holds the lock may. On a machine with more to do than processors that is most of what anything stands still for.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from beamlens.skills.interpreter.procfs import thread_cpu_ns, thread_delay_seconds, thread_syscall

__all__ = ["Starvation"]

_MOST_THREADS: Final = 64
_MAY_WAIT_FOR_THE_LOCK: Final = ("futex", "running", None)


class Starvation:
    """Tell it for one thread, from the moment on at which this is made. One thread.

    Args:
        native_id: of the thread that is looked at.
    """

    def __init__(self, native_id: int | None) -> None:
        self._native_id = native_id
        self._delay = thread_delay_seconds(native_id)
        self._used = thread_cpu_ns(native_id) or 0
        self._others: dict[int, float] = {}
        self._looks = self._waits = 0

    def look(self, native_ids: Iterable[int]) -> None:
        """Look at the others, too; while the thread is late: as long as all is well nothing is asked of threads.

        Args:
            native_ids: the kernel's ids of the process' threads.
        """
        if not self._looks:
            others = (each for each in native_ids if each != self._native_id)
            self._others = {each: thread_delay_seconds(each) for each in islice(others, _MOST_THREADS)}
        self._looks += 1
        self._waits += thread_syscall(self._native_id) in _MAY_WAIT_FOR_THE_LOCK

    def seconds(self, lasted: float) -> float:
        """Return for how much of the time there was no processor.

        What another thread waited counts for as much as this one neither ran nor waited for anything but the lock.

        Args:
            lasted: seconds since this was made, or less.
        """
        own = max(0.0, thread_delay_seconds(self._native_id) - self._delay)
        if not self._looks:
            return min(lasted, own)
        used = max(0, (thread_cpu_ns(self._native_id) or self._used) - self._used) / 1e9
        idle = max(0.0, lasted - own - used) * self._waits / self._looks
        others = max((thread_delay_seconds(each) - before for each, before in self._others.items()), default=0.0)
        return min(lasted, own + min(idle, max(0.0, others)))
