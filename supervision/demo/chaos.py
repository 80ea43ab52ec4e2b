"""Those who hurt and those who use the demo's actors, each on a thread of its own."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from typing import Final

from pykka import ActorDeadError, Timeout

from supervision import Ref
from supervision.demo.actors import LAST_WORDS
from supervision.demo.tally import Tally

__all__ = ["Client", "Monkey", "answering_pid"]

_GIVE_UP_SECONDS: Final = 10.0
_SIGNALS: Final = {"SIGKILL": signal.SIGKILL, "SIGSEGV": signal.SIGSEGV, "SIGTERM": signal.SIGTERM}
_WAYS: Final = (*_SIGNALS, *LAST_WORDS)


class _Loop(threading.Thread):
    """Do one thing again and again until it is told to end."""

    def __init__(self, name: str, once: Callable[[], float]) -> None:
        super().__init__(name=name, daemon=True)
        self._once = once
        self._over = threading.Event()

    def run(self) -> None:
        """Do it, wait as long as it says, do it again."""
        while not self._over.wait(self._once()):
            pass

    def end(self) -> None:
        """Let what is under way come to its end; return when it has."""
        self._over.set()
        self.join(2 * _GIVE_UP_SECONDS)


class Monkey(_Loop):
    """End one actor after the other, at random, and measure how long it is away.

    Args:
        refs: the actors by their names.
        tally: counts.
        rate: how many a second, on average.
    """

    def __init__(self, refs: dict[str, Ref], tally: Tally, rate: float) -> None:
        super().__init__("demo-monkey", self._hurt_one)
        self._refs = refs
        self._tally = tally
        self._rate = rate

    def _hurt_one(self) -> float:
        name = random.choice(list(self._refs))
        way = random.choice(_WAYS)
        ref = self._refs[name]
        before = answering_pid(ref, 0, time.monotonic() + _GIVE_UP_SECONDS)
        if before is None:
            self._lose(name)
        else:
            self._hurt(name, way, ref, before)
        return random.uniform(0.5, 1.5) / self._rate

    def _hurt(self, name: str, way: str, ref: Ref, before: int) -> None:
        began = time.monotonic()
        self._tally.kills += 1
        if way in _SIGNALS:
            os.kill(before, _SIGNALS[way])
        else:
            ref.tell(way)
        after = answering_pid(ref, before, began + _GIVE_UP_SECONDS)
        seconds = time.monotonic() - began
        if after is None:
            self._lose(name)
            return
        self._tally.recovered(seconds)
        self._tally.say(f"{way:<11}  {name:<13}  pid {before} -> {after}  back in {seconds * 1e3:.1f} ms")

    def _lose(self, name: str) -> None:
        self._tally.lost += 1
        self._tally.say(f"LOST: {name} did not answer within {_GIVE_UP_SECONDS:.0f} s")


class Client(_Loop):
    """Ask the actors in turn, as the users of a service would.

    Args:
        refs: the actors by their names.
        tally: counts.
    """

    def __init__(self, refs: dict[str, Ref], tally: Tally) -> None:
        super().__init__("demo-client", self._ask_each)
        self._refs = refs
        self._tally = tally

    def _ask_each(self) -> float:
        for ref in self._refs.values():
            try:
                ref.ask("who", timeout=_GIVE_UP_SECONDS)
            except (ActorDeadError, Timeout):
                self._tally.refused += 1
            else:
                self._tally.answered += 1
        return 0.01


def answering_pid(ref: Ref, but_not: int, deadline: float) -> int | None:
    """Ask until a process other than `but_not` answers; return its id, None when the time runs out.

    Args:
        ref: follows restarts.
        but_not: the process that was ended.
        deadline: monotonic seconds.
    """
    while (left := deadline - time.monotonic()) > 0:
        try:
            pid: int = ref.ask("who", timeout=left)
        except ActorDeadError:
            # The ask was open in the one that died; given up for good, it would stay so.
            time.sleep(0 if ref.is_alive() else 0.01)
        except Timeout:
            return None
        else:
            if pid != but_not:
                return pid
    return None
