"""Actors of these tests: other processes import them from here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
from typing import Any

import pykka

from supervision import Down, Exit, ExitReason, ProcessActor, telemetry
from supervision.process import child_telemetry, context


class Recorder(ProcessActor):
    """Keep what it is told; answer `all` with it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        if message == "all":
            return self.heard
        self.heard.append(message)
        return None


class Subject(ProcessActor):
    """Do what a message names: `("echo", 1)` calls `do_echo(1)`."""

    def __init__(self, teller: Any = None, **kept: Any) -> None:
        super().__init__()
        self.teller = teller
        self.kept: dict[str, Any] = dict(kept)
        self._timers: list[Any] = []
        self._late: Any = None

    def on_stop(self) -> None:
        self._say("on_stop")

    def on_failure(self, kind: Any, value: Any, traceback: Any) -> None:
        self._say(["on_failure", kind.__name__, str(value), traceback is not None])

    def _say(self, what: Any) -> None:
        if self.teller is not None:
            self.teller.tell(what)

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Down | Exit):
            return self._say(message)
        name, *args = message
        return getattr(self, f"do_{name}")(*args)

    # -- plain things

    def do_echo(self, value: Any = None) -> Any:
        return value

    def do_pid(self) -> int:
        return os.getpid()

    def do_keep(self, name: str, value: Any) -> None:
        self.kept[name] = value

    def do_kept(self, name: str) -> Any:
        return self.kept.get(name)

    def do_say(self, what: Any) -> None:
        self._say(what)

    def do_wait_for(self, path: str) -> str:
        """Be busy until a file exists."""
        while not os.path.exists(path):
            time.sleep(0.002)
        return "done"

    def do_announce_and_wait(self, path: str) -> str:
        self._say("busy")
        return self.do_wait_for(path)

    # -- ends

    def do_raise(self, text: str = "deliberate") -> None:
        raise ValueError(text)

    def do_exit_with(self, value: Any = None) -> None:
        raise SystemExit(value)

    def do_sys_exit(self, value: Any = None) -> None:
        sys.exit(value)

    def do_interrupt(self) -> None:
        raise KeyboardInterrupt

    def do_generator_exit(self) -> None:
        raise GeneratorExit

    def do_exit_actor(self, reason: ExitReason) -> None:
        self.exit(reason)

    def do_last_words(self, count: int) -> None:
        for number in range(count):
            self._say(number)
        os._exit(3)

    def do_stop_self(self) -> str:
        self.stop()
        return "stopping"

    def do_stop_self_and_wait(self) -> None:
        self.actor_ref.stop()

    def do_last_words_for(self, count: int) -> None:
        for number in range(count, 2 * count):
            self._say(("say", number))
        os._exit(3)

    def do_raise_timeout(self) -> None:
        raise TimeoutError("of the handler")

    def do_unsendable(self) -> object:
        return {"a": [object()]}

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

    def do_start(self, *args: Any) -> Any:
        return Subject.start(*args)

    def do_start_broken(self) -> Any:
        return BrokenInit.start()

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

    def do_start_asking(self, ref: Any) -> Any:
        return AsksInOnStart.start(ref)

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

    def do_log_from_threads(self, threads: int, each: int) -> None:
        def run(number: int) -> None:
            for turn in range(each):
                logging.getLogger("tests.actors.threads").info("%d %d", number, turn)

        workers = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    # -- asyncio

    def do_async_ask(self, ref: Any, message: Any) -> list[Any]:
        """Ask in an event loop of its own; return the answer and how often the loop turned meanwhile."""
        return asyncio.run(_ticking(ref.aask(message)))

    def do_async_gate(self, ref: Any, path: str) -> list[Any]:
        """Await an answer that comes only when the event loop has turned some times."""

        async def main() -> list[Any]:
            async def open_gate() -> None:
                for _ in range(5):
                    await asyncio.sleep(0.001)
                with open(path, "w"):
                    return

            opener = asyncio.create_task(open_gate())
            answer = await _ticking(ref.aask(("wait_for", path)))
            await opener
            return answer

        return asyncio.run(main())

    def do_async_proxy(self, ref: Any, value: Any) -> list[Any]:
        async def call() -> Any:
            return await ref.proxy().do_echo(value)

        return asyncio.run(_ticking(call()))

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

    # -- timers, monitors, links

    def do_after(self, delay: float, message: Any) -> int:
        self._timers.append(self.send_after(delay, message))
        return len(self._timers) - 1

    def do_measure_after(self, delay: float) -> None:
        begun = time.monotonic()
        self.send_after(delay, ("measured", begun))

    def do_measured(self, begun: float) -> None:
        self._say(time.monotonic() - begun)

    def do_after_by_thread(self, delay: float, message: Any) -> None:
        thread = threading.Thread(target=self.send_after, args=(delay, message))
        thread.start()
        thread.join()

    def do_after_unsendable(self) -> None:
        self.send_after(0.0, object())

    def do_after_to(self, delay: float, message: Any, ref: Any) -> None:
        self._timers.append(self.send_after(delay, message, to=ref))

    def do_cancel(self, number: int) -> None:
        self._timers[number].cancel()

    def do_monitor(self, ref: Any) -> int:
        return self.monitor(ref)

    def do_demonitor(self, number: int) -> None:
        self.demonitor(number)

    def do_link(self, ref: Any) -> None:
        self.link(ref)

    def do_unlink(self, ref: Any) -> None:
        self.unlink(ref)

    # -- logs and events

    def do_log(self, level: int, text: str, count: int = 1) -> float:
        begun = time.monotonic()
        for number in range(count):
            logging.getLogger("tests.actors.child").log(level, text, number)
        return time.monotonic() - begun

    def do_log_plain(self, name: str, level: int, text: str) -> None:
        logging.getLogger(name).log(level, text)

    def do_log_lone_surrogate(self) -> None:
        logging.getLogger("tests.actors.child").error("odd \ud800 text")

    def do_own_events(self, name: list[str]) -> list[Any]:
        found: list[Any] = []
        telemetry.attach("own", tuple(name), lambda _, measurements, *rest: found.append(dict(measurements)))
        telemetry.execute(tuple(name), {"n": 1}, {})
        telemetry.detach("own")
        return found

    def do_span(self, name: list[str]) -> None:
        with telemetry.span(tuple(name), {}):
            time.monotonic()

    def do_log_error(self) -> None:
        try:
            raise LookupError("inner trouble")
        except LookupError:
            logging.getLogger("tests.actors.child").exception("it went wrong")

    def do_emit(self, name: list[str], measurements: dict[str, Any], metadata: dict[str, Any]) -> None:
        telemetry.execute(tuple(name), measurements, metadata)

    def do_emit_live_objects(self, name: list[str]) -> None:
        telemetry.execute(tuple(name), {"n": 1}, {"thread": threading.current_thread(), "set": {1}, "t": (1, "x" * 20000)})

    def do_interests(self) -> list[Any]:
        return sorted(child_telemetry._told)

    def do_frames_sent(self, name: list[str]) -> int:
        """Emit an event and count the frames that leave this process."""
        link = context.node().link  # type: ignore[attr-defined]
        sent = []
        plain = link.send

        def counting(content: Any) -> None:
            sent.append(content)
            plain(content)

        link.send = counting
        try:
            telemetry.execute(tuple(name), {"n": 1}, {})
        finally:
            del link.send
        return len(sent)


async def _ticking(question: Any) -> list[Any]:
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


class Trapping(Subject):
    """Hear of the ends of linked actors as messages."""

    trap_exits = True


class BrokenInit(ProcessActor):
    def __init__(self) -> None:
        super().__init__()
        raise RuntimeError("no luck in __init__")


class BrokenOnStart(ProcessActor):
    def __init__(self, recorder: Any, what: str = "error") -> None:
        super().__init__()
        self._recorder = recorder
        self._what = what

    def on_start(self) -> None:
        self._recorder.tell(os.getpid())
        if self._what == "error":
            raise RuntimeError("no luck in on_start")
        if self._what == "system_exit":
            raise SystemExit(5)
        if self._what == "interrupt":
            raise KeyboardInterrupt
        if self._what == "die":
            os._exit(9)
        if self._what == "stop":
            self.stop()


class NoSuper(ProcessActor):
    def __init__(self) -> None:
        self.value = 1


class HalfSuper(pykka.ThreadingActor):
    def __init__(self) -> None:
        self.value = 1


class AsksInOnStart(ProcessActor):
    """Ask another in `on_start`, and hand out its own ref there."""

    def __init__(self, other: Any) -> None:
        super().__init__()
        self.other = other
        self.got: Any = None

    def on_start(self) -> None:
        self.got = self.other.ask(("echo", "early"))
        self.other.tell(("tell", self.actor_ref, "hello"))

    def on_receive(self, message: Any) -> Any:
        if message == "got":
            return self.got
        self.got = [self.got, message]
        return None


class LastWords(ProcessActor):
    """Tell and ask in `on_stop` and `on_failure`."""

    def __init__(self, recorder: Any, count: int) -> None:
        super().__init__()
        self._recorder = recorder
        self._count = count

    def on_receive(self, message: Any) -> Any:
        if message == "raise":
            raise ValueError("the end")
        if message == "answer and exit":
            self.stop()
            return "the last answer"
        return message

    def on_stop(self) -> None:
        self._speak("stop")

    def on_failure(self, *_: Any) -> None:
        self._speak("failure")

    def _speak(self, why: str) -> None:
        for number in range(self._count):
            self._recorder.tell([why, number])
        assert self._recorder.ask("all")


class BadHooks(ProcessActor):
    """Raise in the hook that is named."""

    def __init__(self, recorder: Any, what: str) -> None:
        super().__init__()
        self._recorder = recorder
        self._what = what

    def on_receive(self, message: Any) -> Any:
        if message == "raise":
            raise ValueError("first")
        return message

    def on_stop(self) -> None:
        self._recorder.tell("on_stop")
        if self._what == "on_stop":
            raise LookupError("second")

    def on_failure(self, *_: Any) -> None:
        self._recorder.tell("on_failure")
        if self._what == "on_failure":
            raise LookupError("second")
        if self._what == "exit in on_failure":
            raise SystemExit(4)


class Plain(ProcessActor):
    """Have no `on_receive` of its own."""


class Outer:
    """Have an actor class inside a class."""

    class Inner(ProcessActor):
        def on_receive(self, message: Any) -> Any:
            return ["inner", message]
