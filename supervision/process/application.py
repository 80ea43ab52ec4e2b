"""The application's node: the loop, the launcher, and the places of all actors."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import uuid
from dataclasses import replace
from typing import Any

import pykka

from supervision import reporter, telemetry
from supervision.errors import ForkedCopyError, StartError
from supervision.exits import NOPROC
from supervision.future import ReplyFuture
from supervision.process import context
from supervision.process.board import Board
from supervision.process.classes import main_name
from supervision.process.incarnation import Incarnation
from supervision.process.launcher import Launcher
from supervision.process.loop import Loop
from supervision.process.operations import Operations
from supervision.process.orders import SCRIPT, Orders, main_file, module_to_learn
from supervision.process.protocol import INTERESTS
from supervision.process.registry import alias_module
from supervision.process.router import Router
from supervision.process.settings import Settings, current_settings
from supervision.process.slot import Slot, SlotTarget
from supervision.process.solo import Solo
from supervision.process.spawn_launcher import SpawnLauncher
from supervision.process.zygote_launcher import ZygoteLauncher
from supervision.ref import Address, Ref
from supervision.reports import report_event

__all__ = ["Application", "application", "current", "running", "shutdown"]

logger = logging.getLogger("supervision")


class Application:
    """Be what `context.node()` returns in a process that hosts no actor. Made once, by `application()`.

    Attributes:
        loop: the one thread that owns sockets, death notices and supervisors.
        launcher: makes processes.
        board: shows the trees to other processes.
        live: the incarnations that have a process, and those who own supervised trees.
    """

    def __init__(self, settings: Settings) -> None:
        self.owner_pid = os.getpid()
        life, self._life_write = os.pipe()  # whoever holds the other end dies with us
        self.settings = replace(settings, lifeline=life)
        self.codec = self.settings.codec
        if main_name() != "__main__":  # run with -m: other processes import it by its own name
            alias_module(main_name(), "__main__")
        self.loop = Loop()
        self.router = Router(self)
        self.operations = Operations(self)
        self.trees: list[Any] = []
        self.board = Board(self.loop, lambda: [tree.describe() for tree in self.trees])
        self._slots: dict[str, Slot] = {}
        self._incarnations: set[Incarnation] = set()
        self._lock = threading.Lock()
        spawner = SpawnLauncher(self.loop, self.settings)
        self.launcher: Launcher = (
            ZygoteLauncher(self.loop, self.settings, spawner) if settings.launcher == "zygote" else spawner
        )
        self.loop.start()
        telemetry.set_interest_listener(self._on_interests)

    # -- places ---------------------------------------------------------------------------------

    def slot(self, urn: str) -> Slot | None:
        """Return an actor's place; None when it is gone for good. Any thread."""
        return self._slots.get(urn)

    def add_slot(self, slot: Slot) -> None:
        """Make a place known by its URN. Any thread."""
        self._slots[slot.urn] = slot

    def remove_slot(self, slot: Slot) -> None:
        """Forget a place: no incarnation will live there again. Any thread."""
        self._slots.pop(slot.urn, None)

    def name_of(self, urn: str) -> str:
        """Return how people call an actor."""
        slot = self._slots.get(urn)
        return urn if slot is None else str(slot.name or f"{slot.actor_class.__name__} ({urn})")

    def add_incarnation(self, incarnation: Incarnation) -> None:
        """Hear that an incarnation begins. Loop thread."""
        self._incarnations.add(incarnation)

    def remove_incarnation(self, incarnation: Incarnation) -> None:
        """Hear that an incarnation is over. Loop thread."""
        self._incarnations.discard(incarnation)
        self.router.forget(incarnation)
        self.operations.forget(incarnation)

    def ref(self, address: Address) -> Ref:
        """Return a ref for an address."""
        urn, number = address
        slot = self._slots.get(urn)
        if slot is None:
            slot = Slot(urn, pykka.Actor, None, _nothing, lambda: self.loop.on_thread)
            slot.give_up(NOPROC)
        return Ref(SlotTarget(slot, number))

    # -- actors without a supervisor ------------------------------------------------------------

    def start_actor(self, actor_class: type[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Ref:
        """Start an actor that nobody restarts, and wait until it runs. Any thread but the loop's."""
        self.check_owner()
        if self.loop.on_thread:
            raise StartError(("on_loop", None), "an actor cannot be started on the loop's thread, which must not wait")
        return self.begin_actor(actor_class, args, kwargs).get()  # type: ignore[no-any-return]

    def begin_actor(self, actor_class: type[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> ReplyFuture:
        """Start an actor that nobody restarts; the future brings its ref. Any thread."""
        urn = uuid.uuid4().urn
        orders = Orders(self.codec, urn, None, actor_class, args, kwargs)
        solo = Solo(self, orders, actor_class)
        self.loop.call_soon(self.launcher.expect, 1, {module_to_learn(actor_class)})
        solo.started.actor = urn
        self.loop.call_soon(solo.start)
        return solo.started

    def call(self, operation: str, *args: object) -> ReplyFuture:
        """Do for the application's own code what a child asks for by message. Any thread."""
        self.check_owner()
        future = ReplyFuture()

        def perform() -> None:
            done = self.operations.perform(None, operation, list(args))
            done.add_done_callback(lambda result: _copy(result, future))

        self.loop.call_soon(perform)
        return future

    def check_owner(self) -> None:
        """Refuse to serve a forked copy of the application.

        Raises:
            ForkedCopyError: the process was forked after the first actor was started.
        """
        if os.getpid() != self.owner_pid:
            raise ForkedCopyError(
                f"process {os.getpid()} is a forked copy of {self.owner_pid}, which owns these actors; "
                "start actors after the fork, in each worker"
            )

    # -- what children told ---------------------------------------------------------------------

    def hear_import(self, module: str, seconds: float) -> None:
        """Hear how long a promotion spent on importing the actor's module. Loop thread."""
        report_event("child", "import", {"duration": int(seconds * 1e9)}, {"module": module})
        if module == "__main__":
            module = f"{SCRIPT}{main_file()}"
        self.launcher.learn(module)

    def _on_interests(self, names: frozenset[tuple[str, ...]]) -> None:
        self.loop.call_soon(self._tell_interests, [list(name) for name in names])

    def _tell_interests(self, names: list[list[str]]) -> None:
        for incarnation in list(self._incarnations):
            if incarnation.channel is not None and incarnation.running:
                try:
                    incarnation.channel.send([INTERESTS, names])
                except Exception as error:
                    logger.info("a child does not hear of new handlers: %s", error)

    # -- what it holds --------------------------------------------------------------------------

    def own_pids(self) -> set[int]:
        """Return the processes that are no actors: spares and fork servers. Any thread."""
        return set(self._ask_loop(self.launcher.pids))

    def own_descriptors(self) -> set[int]:
        """Return the descriptors that do not belong to an actor. Any thread."""
        held = {self._life_write, self.settings.lifeline, *self.loop.descriptors(), *self.board.descriptors()}
        return held | set(self._ask_loop(self.launcher.descriptors))

    def actors(self) -> list[str]:
        """Name the actors and trees that are there. Any thread."""
        trees = [f"supervisor {tree.name}" for tree in self.trees]
        return trees + [self.name_of(incarnation.urn) for incarnation in list(self._incarnations)]

    def _ask_loop(self, function: Any) -> Any:
        future = ReplyFuture()
        self.loop.call_soon(lambda: future.succeed(function()))
        return future.get(timeout=10.0)

    # -- the end --------------------------------------------------------------------------------

    def stop(self, timeout: float = 30.0) -> None:
        """Stop all trees in order, then all other actors, then what makes them. Not the loop's thread.

        A tree that takes longer than `timeout` seconds, since a child of it may take as long as it likes, is killed.
        """
        for tree in reversed(list(self.trees)):
            self._stop_tree(tree, timeout)
        done = threading.Event()
        self.loop.call_soon(self._stop_all, done)
        done.wait(timeout)
        reporter.reporter.flush(1.0)
        self.loop.stop()
        reporter.reporter.stop(1.0)
        telemetry.set_interest_listener(None)
        self.board.close()
        os.close(self._life_write)
        os.close(self.settings.lifeline)

    def _stop_tree(self, tree: Any, timeout: float) -> None:
        try:
            tree.stop(timeout=timeout)
        except pykka.Timeout:
            logger.warning("supervisor %s has not stopped within %s s at the end; it is killed", tree.name, timeout)
            tree.kill()

    def _stop_all(self, done: threading.Event) -> None:
        for incarnation in list(self._incarnations):
            incarnation.ask_to_stop("shutdown")
        self._await_end(done, 500)

    def _await_end(self, done: threading.Event, tries: int) -> None:
        if not self._incarnations:
            self.launcher.stop()
            self._await_launcher(done, 500)
        elif tries:
            self.loop.call_later(0.01, lambda: self._await_end(done, tries - 1))
        else:
            for incarnation in list(self._incarnations):
                incarnation.kill()
            self._await_end_of_killed(done, 200)

    def _await_end_of_killed(self, done: threading.Event, tries: int) -> None:
        if self._incarnations and tries:
            self.loop.call_later(0.01, lambda: self._await_end_of_killed(done, tries - 1))
        else:
            self.launcher.stop()
            self._await_launcher(done, 500)

    def _await_launcher(self, done: threading.Event, tries: int) -> None:
        if not self.launcher.pids() or not tries:
            done.set()
        else:
            self.loop.call_later(0.005, lambda: self._await_launcher(done, tries - 1))

    def discard(self) -> None:
        """Close, in a forked copy, everything that belongs to the original."""
        self.loop.discard()
        self.board.discard()
        for slot in self._slots.values():
            slot.disown(self.check_owner)
        for fd in (self._life_write, self.settings.lifeline):
            os.close(fd)
        for incarnation in self._incarnations:
            incarnation.discard()
        self.launcher.discard()


def _nothing() -> None:
    """Stop an actor that is gone: nothing is to be done."""


def _copy(source: ReplyFuture, target: ReplyFuture) -> None:
    try:
        target.succeed(source.get(timeout=0))
    except Exception as error:
        target.fail(error)


_application: Application | None = None
_lock = threading.Lock()


def application() -> Application:
    """Return the application's node; the first call makes it. Any thread."""
    global _application
    if _application is None:
        with _lock:
            if _application is None:
                _application = Application(current_settings())
                context.set_node(_application)
    return _application


def current() -> Application | None:
    """Return the application's node if it was made."""
    return _application


def running() -> bool:
    """Tell whether actors were started in this process."""
    return _application is not None


def shutdown(timeout: float = 30.0) -> None:
    """Stop all trees and actors of this process in order; a later start begins anew. Runs at exit by itself."""
    global _application
    with _lock:
        ended, _application = _application, None
    if ended is not None and ended.owner_pid == os.getpid():
        ended.stop(timeout)
        context.set_node(None)


def _in_forked_copy() -> None:
    global _application, _lock
    _lock = threading.Lock()
    copy, _application = _application, None
    context.set_node(None)
    if copy is not None:
        copy.discard()
        _forget_refs()
        reporter.reset_in_forked_copy()


def _forget_refs() -> None:
    """Take the original's actors out of Pykka's registry: the copy must not stop them."""
    # The lock may have been held by a thread that the copy does not have.
    pykka.ActorRegistry._actor_refs_lock = threading.RLock()
    for ref in pykka.ActorRegistry.get_all():
        if isinstance(ref, Ref) or not isinstance(ref, pykka.ActorRef):
            pykka.ActorRegistry.unregister(ref)


os.register_at_fork(after_in_child=_in_forked_copy)
atexit.register(shutdown)
