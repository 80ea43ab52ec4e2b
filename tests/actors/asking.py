"""What a subject does with other actors: asks them, alone, from threads and from coroutines."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable
from typing import Any

from supervision import Ref

__all__ = ["Asking", "ticking"]


class Asking:
    """Ask others; be mixed into `Subject`."""

    actor_ref: Ref
    kept: dict[str, Any]
    _say: Callable[[Any], None]
    do_wait_for: Callable[[str], str]
    _late: Any

    # -- others

    def do_ask(self, ref: Any, message: Any, timeout: float | None = None) -> Any:
        return ref.ask(message, timeout=timeout)

    def do_ask_future(self, ref: Any, message: Any, timeout: float | None = None) -> Any:
        return ref.ask(message, block=False).get(timeout=timeout)

    def do_ask_and_forget(self, ref: Any, message: Any) -> None:
        ref.ask(message, block=False)

    def do_ask_later(self, ref: Any, message: Any) -> None:
        self._late = ref.ask(message, block=False)

    def do_late(self) -> Any:
        return self._late.get(timeout=10)

    def do_ask_self(self) -> Any:
        return self.actor_ref.ask(("echo", 1))

    def do_ask_self_future(self) -> Any:
        return self.actor_ref.ask(("echo", 1), block=False).get()

    def do_tell(self, ref: Any, message: Any) -> None:
        ref.tell(message)

    def do_proxy_call(self, ref: Any, value: Any) -> Any:
        return ref.proxy().do_echo(value).get()

    def do_stop(self, ref: Any) -> Any:
        return ref.stop()

    def do_repr(self, ref: Any) -> str:
        return repr(ref)

    def do_about(self, ref: Any) -> list[Any]:
        return [ref.is_alive(), ref.pid, ref.actor_urn, ref.address, ref.actor_class.__name__]

    def do_chase(self, refs: list[Any], value: Any) -> Any:
        """Ask along a line of actors, the last of which answers."""
        if not refs:
            return value
        return refs[0].ask(("chase", refs[1:], value))

    def do_chase_by_proxy(self, refs: list[Any], value: Any) -> Any:
        if not refs:
            return value
        return refs[0].proxy().do_chase_by_proxy(refs[1:], value).get()

    def do_callback(self, ref: Any, value: Any) -> Any:
        """Ask back whoever asked without waiting."""
        self.kept["answer"] = ref.ask(("echo", value))
        return value

    def do_wait_for_and_ask(self, path: str, ref: Any) -> None:
        self.do_wait_for(path)
        self.kept["answer"] = ref.ask(("echo", "asked back"))

    def do_set_own(self) -> None:
        self.actor_ref.proxy().kept = {}

    def do_use_by_proxy(self, ref: Any, module: str) -> list[Any]:
        proxy = ref.proxy()
        return [
            module in sys.modules,
            proxy.add(1, twice=True).get(),
            proxy.value.get(),
            proxy.colour.get(),
            proxy.playback.louder().get(),
            proxy.playback.deep.level.get(),
            (proxy.grow().get(), proxy.later.get())[1],
        ]

    # -- threads

    def do_threads_ask(self, ref: Any, threads: int, each: int) -> list[list[Any]]:
        """Have several threads ask; return what each of them got."""
        got: list[list[Any]] = [[] for _ in range(threads)]

        def run(number: int) -> None:
            for turn in range(each):
                got[number].append(ref.ask(("echo", [number, turn])))

        workers = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for turn in range(each):
            assert ref.ask(("echo", ["main", turn])) == ["main", turn]
        for worker in workers:
            worker.join()
        return got

    def do_thread_asks(self, ref: Any, each: int) -> None:
        """Have a thread ask on its own, while the actor goes on; it tells when it is done."""

        def run() -> None:
            for turn in range(each):
                if ref.ask(("echo", turn)) != turn:
                    return self._say("wrong")
            return self._say("thread done")

        threading.Thread(target=run).start()

    def do_thread_asks_self(self) -> None:
        def run() -> None:
            self._say(self.actor_ref.ask(("echo", "of itself")))

        threading.Thread(target=run).start()

    # -- asyncio

    def do_async_ask(self, ref: Any, message: Any) -> list[Any]:
        """Ask in an event loop of its own; return the answer and how often the loop turned meanwhile."""
        return asyncio.run(ticking(ref.aask(message)))

    def do_async_gate(self, ref: Any, path: str) -> list[Any]:
        """Await an answer that comes only when the event loop has turned some times."""

        async def main() -> list[Any]:
            async def open_gate() -> None:
                for _ in range(5):
                    await asyncio.sleep(0.001)
                with open(path, "w"):
                    return

            opener = asyncio.create_task(open_gate())
            answer = await ticking(ref.aask(("wait_for", path)))
            await opener
            return answer

        return asyncio.run(main())

    def do_async_proxy(self, ref: Any, value: Any) -> list[Any]:
        async def call() -> Any:
            return await ref.proxy().do_echo(value)

        return asyncio.run(ticking(call()))

    def do_gather(self, refs: list[Any], value: Any) -> list[Any]:
        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*(ref.aask(("echo", value)) for ref in refs))

        return asyncio.run(all_of_them())

    def do_async_ask_self(self) -> Any:
        async def ask() -> Any:
            return await self.actor_ref.aask(("echo", 1))

        return asyncio.run(ask())

    def do_async_ask_within(self, ref: Any, message: Any, timeout: float) -> Any:
        return asyncio.run(ref.aask(message, timeout=timeout))


async def ticking(question: Any) -> list[Any]:
    """Await an answer beside a ticking coroutine; return the answer and the ticks."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticker = asyncio.create_task(tick())
    answer = await question
    ticker.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ticker
    return [answer, ticks]
