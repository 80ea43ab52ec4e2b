"""Actors of these tests: other processes import them from here."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

import pykka

from supervision import Down, Exit, ExitReason, ProcessActor
from tests.actors.asking import Asking
from tests.actors.telling import Telling


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


class Subject(Asking, Telling, ProcessActor):
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

    # -- actors of its own

    def do_start(self, *args: Any) -> Any:
        return Subject.start(*args)

    def do_start_broken(self) -> Any:
        return BrokenInit.start()

    def do_start_asking(self, ref: Any) -> Any:
        return AsksInOnStart.start(ref)

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
