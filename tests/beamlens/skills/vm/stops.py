"""A program with millions of objects and a heartbeat that measures how long each call of the skill stops it.

Prints one JSON object: milliseconds by call, `snapshot` with its processor time too.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from beamlens.skills.interpreter.procfs import RunDelay
from beamlens.skills.vm import Vm


class Item:
    __slots__ = ("number", "other")

    def __init__(self, number: int) -> None:
        self.number = number
        self.other = None


class Heartbeat:
    """Note the longest gap between two beats, less the time that it waited for a processor."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._begun, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._begun.wait()

    def _run(self) -> None:
        delay = RunDelay()
        last, delayed = time.perf_counter(), delay.read() or 0
        over = False
        while not over:
            over = self._ended.wait(0.0005)
            now, delayed_now = time.perf_counter(), delay.read() or 0
            self.longest = max(self.longest, (now - last) * 1e3 - (delayed_now - delayed) / 1e6)
            last, delayed = now, delayed_now
            self._begun.set()
        delay.close()

    def stop(self) -> float:
        self._ended.set()
        self._thread.join()
        return self.longest


def _stop_of(call: Callable[[], Any], times: int = 3) -> float:
    beat = Heartbeat()
    for _ in range(times):
        call()
    return round(beat.stop(), 2)


def main(count: int) -> None:
    gc.disable()
    items = {number: Item(number) for number in range(count)}
    gc.enable()
    vm = Vm()
    vm.start()
    result: dict[str, Any] = {"negative control": _stop_of(lambda: gc.get_referrers(items), 1)}
    result["idle"] = _stop_of(lambda: time.sleep(0.3), 1)
    result["snapshot"] = _stop_of(vm.snapshot, 50)
    for name, call in vm.callbacks().items():
        result[name] = _stop_of(call)
    times = []
    for _ in range(200):
        began = time.thread_time()
        vm.snapshot()
        times.append((time.thread_time() - began) * 1e3)
    times.sort()
    result["snapshot_ms"] = {"p50": round(times[100], 3), "p99": round(times[197], 3)}
    result["collector"] = vm.snapshot()["collector"]
    vm.stop()
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(int(sys.argv[1]))
