"""A program in which objects are kept alive in every way; prints who keeps each, as JSON: in a copy and in place."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import json
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

from beamlens.errors import SkillError
from beamlens.skills.heap.keepers import keepers


class Thing:
    """What is looked for; each is found again by its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.me: Any = None


class Slotted:
    __slots__ = ("held",)

    def __init__(self, held: Thing) -> None:
        self.held = held


class Holder:
    by_class: ClassVar = [Thing("class attribute")]

    def __init__(self) -> None:
        self.entries: dict[str, Any] = {}


@functools.cache
def cached(name: str) -> Thing:
    return Thing(name)


@functools.lru_cache(maxsize=100)
def cached_with_bound(name: str) -> Thing:
    return Thing(name)


def closure() -> Callable[[], Thing]:
    kept = Thing("closure")
    return lambda: kept


def default(value: Thing = Thing("default argument")) -> Thing:  # noqa: B008 - the fault that is looked for
    return value


class Bounded:
    max_entries = 1000

    def __init__(self) -> None:
        self.entries = {"secret-key": Thing("bounded")}


async def job(thing: Thing) -> None:
    await asyncio.sleep(3600)


def work(argument: Thing, ready: threading.Event, ended: threading.Event) -> None:
    local = Thing("frame local")
    hidden = {"secret-key": [Thing("below a frame local")]}
    LOCAL.value = Thing("thread-local")
    VARIABLE.set(Thing("context of a thread"))
    ready.set()
    ended.wait()
    del local, hidden


LOCAL = threading.local()
VARIABLE: contextvars.ContextVar[Thing] = contextvars.ContextVar("VARIABLE")
HOLDER = Holder()
HOLDER.entries["secret-key"] = Thing("instance attribute")
HOLDER.entries["secret-object"] = Slotted(Thing("slot"))
NAMES = SimpleNamespace()
setattr(NAMES, "secret key, not a name", Thing("odd attribute"))
CLOSURE = closure()
BOUNDED = Bounded()
CHAIN: list[Any] = [Thing("long chain")]
for _ in range(40):
    CHAIN = [CHAIN]
HUB = Thing("hub")
POINTERS = [[HUB] for _ in range(20_000)]
LARGE: dict[int, Any] = dict.fromkeys(range(101_000))
LARGE[-1] = [Thing("in a large dict")]
BESIDE = [[Thing("beside a large dict")]]
KEYS = {Thing("key"): 1}
CONTEXT = contextvars.copy_context()
CONTEXT.run(lambda: VARIABLE.set(Thing("context variable")))


def find(name: str) -> Thing:
    return next(each for each in gc.get_referrers(Thing) if type(each) is Thing and each.name == name)


def ask(name: str, *, place: bool) -> dict[str, Any]:
    try:
        answer = keepers([find(name)], place=place)
    except SkillError as error:
        return {"error": error.kind, "text": error.text}
    return {**answer["paths"][0], "how": answer["how"], "stop_ms": answer["stop_ms"], "missing": answer["missing"]}


def main() -> None:
    gc.disable()  # so that the reference cycle stays
    ready, ended = threading.Event(), threading.Event()
    worker = threading.Thread(target=work, args=(Thing("thread argument"), ready, ended), name="secret-7")
    worker.start()
    ready.wait()
    loop = asyncio.new_event_loop()
    task = loop.create_task(job(Thing("task")))
    loop.call_soon(loop.stop)
    loop.run_forever()
    cached("lru_cache")
    cached_with_bound("lru_cache with a bound")
    cycle = Thing("cycle")
    cycle.me = cycle
    del cycle
    names = json.loads(sys.stdin.readline())
    asked: dict[str, Any] = {}

    def ask_all() -> None:
        asked["copy"] = {name: ask(name, place=False) for name in names}
        asked["place"] = {name: ask(name, place=True) for name in names}

    # On a thread, as skills are: the variables of the main thread count like those of any other.
    asker = threading.Thread(target=ask_all)
    asker.start()
    asker.join()
    print(json.dumps(asked))
    ended.set()
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()


if __name__ == "__main__":
    main()
