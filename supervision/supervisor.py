"""Supervisor: starts children in order, restarts them as OTP would, stops them in reverse order."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import pykka

from supervision import decisions
from supervision.actor import ProcessActor
from supervision.errors import RequestError, StartError
from supervision.exits import SHUTDOWN, ExitReason
from supervision.future import ReplyFuture
from supervision.process import context
from supervision.process.application import Application, application
from supervision.process.slot import SlotTarget
from supervision.ref import Ref
from supervision.rendering import describe_tree, render
from supervision.spec import ChildSpec, SupervisorFlags, child
from supervision.tree.call_runner import IGNORE
from supervision.tree.nested_runner import NestedRunner
from supervision.tree.performer import Performer

__all__ = ["IGNORE", "Supervisor", "SupervisorRef"]


class Supervisor:
    """Describe and start supervisors.

    `Supervisor.start(children)` starts one; `(Supervisor, {"children": [...]})` among the children of
    another nests it. A subclass may override `init` to make the children itself, anew at each restart.

    A supervisor is no thread and no process: its decisions run on the application's loop, where the
    deaths of children are heard first.
    """

    supervision_type: ClassVar[str] = "supervisor"

    @classmethod
    def start(cls, *args: Any, name: str | None = None, spares: int | None = None, **kwargs: Any) -> SupervisorRef:
        """Start a supervisor and, in order, its children; return when all have started.

        Args:
            args, kwargs: what `init` is given; for `Supervisor` itself `children`, `strategy`, `intensity`,
                `period` (seconds), `auto_shutdown`.
            name: how reports call it, and under which no second one may run.
            spares: how many idle processes wait for its children's restarts, besides those of the settings.

        Raises:
            SpecError: invalid flags or specifications; nothing was started.
            StartError: a child did not start (those before it were stopped again), `init` raised, returned
                something else or `IGNORE` (reason `"ignore"`), or the name is taken.

        Any thread but the loop's; in the application only.
        """
        node = context.node()
        if not isinstance(node, Application):
            raise StartError(
                ("not_here", cls.__qualname__),
                "supervisors live in the application; an actor that needs one asks the application for it",
            )
        node.check_owner()
        state = cls.initial_state(args, kwargs)
        return _Root(node, cls, name or f"{cls.__name__}-{uuid.uuid4().hex[:8]}", name is not None, spares).start(state)

    def init(
        self,
        children: Iterable[Any] = (),
        *,
        strategy: Any = "one_for_one",
        intensity: Any = 3,
        period: Any = 5,
        auto_shutdown: Any = "never",
    ) -> Any:
        """Return `(flags, children)`, or `IGNORE`; called at each start of the supervisor.

        Args:
            children: specifications in start order: `ChildSpec`, a class, `(class, kwargs)`.
            strategy: `one_for_one`, `one_for_all`, `rest_for_one`, `simple_one_for_one`.
            intensity: how many restarts within `period` seconds are fine. OTP's default of 1 in 5 s
                surprises; Elixir's 3 in 5 s is ours.
            auto_shutdown: `never`, `any_significant`, `all_significant`.
        """
        flags = {"strategy": strategy, "intensity": intensity, "period": period, "auto_shutdown": auto_shutdown}
        return flags, list(children)

    @classmethod
    def has_own_init(cls) -> bool:
        """Tell whether a subclass brings an `init` of its own, which may block."""
        return cls.init is not Supervisor.init

    @classmethod
    def initial_state(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> decisions.State:
        """Call `init` and return the decisions' state; raise as `start` does."""
        made = cls._call_init(args, kwargs)
        if made is IGNORE:
            raise StartError("ignore", f"{cls.__qualname__}.init() declined to start")
        if not (isinstance(made, tuple) and len(made) == 2):
            raise StartError(
                ("bad_return", (f"{cls.__module__}.{cls.__qualname__}", "init", made)),
                f"{cls.__qualname__}.init() returned {made!r}; (flags, children) or IGNORE is expected",
            )
        flags, children = made
        return cls.make_state(flags, children)

    @classmethod
    def make_state(cls, flags: Any, children: Any) -> decisions.State:
        """Return the decisions' state for what `init` returned."""
        return decisions.initial(flags, [_spec(given) for given in children], seed=_seed())

    @classmethod
    def _call_init(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not cls.has_own_init():
            return cls().init(*args, **kwargs)
        try:
            return cls().init(*args, **kwargs)
        except Exception as error:
            raise StartError(
                (type(error).__name__, str(error)), f"{cls.__qualname__}.init() raised {type(error).__name__}: {error}"
            ) from error


def _seed() -> int:
    return int.from_bytes(os.urandom(4), "little")


def _spec(given: Any) -> Any:
    """Turn the short forms into specifications; leave what is none for the validation to refuse."""
    short = isinstance(given, type) or (isinstance(given, tuple) and len(given) > 1 and isinstance(given[0], type))
    return child(given) if short else given


class SupervisorRef:
    """Hold a running supervisor. Any thread but the loop's.

    `tree["id"]` is the ref of a child that follows its restarts, or the `SupervisorRef` of a nested one.
    """

    def __init__(
        self, app: Application, performer: Callable[[], Performer | None], name: str, supervisor_class: type[Any]
    ) -> None:
        self._app = app
        self._performer = performer
        self.name = name
        self.actor_class = supervisor_class
        self.actor_urn = f"urn:supervisor:{name}"

    # -- OTP's requests -------------------------------------------------------------------------

    def start_child(self, spec: Any, **overrides: Any) -> Any:
        """Add a child and start it.

        Args:
            spec: a specification in any form; for simple_one_for_one a tuple or list of further arguments.
            overrides: fields that replace the specification's.

        Returns:
            Its ref; `(ref, info)` where its start gave information; None when it declined to start.

        Raises:
            SpecError: an invalid specification.
            RequestError: the id exists: `("already_started", ref)` or `"already_present"`.
            StartError: the start failed; nothing is kept.
        """
        given = child(spec, **overrides) if overrides else spec if self._is_simple() else _spec(spec)
        return self._request(decisions.StartChild(given))

    def terminate_child(self, target: Any) -> None:
        """Stop a child, by its id, or a dynamic one by its ref; its specification stays, unless it is temporary.

        Raises:
            RequestError: `"not_found"`.
        """
        self._request_for(decisions.TerminateChild, target)

    def restart_child(self, target: Any) -> Any:
        """Start a child again that has no process; returns as `start_child`.

        Raises:
            RequestError: `"running"`, `"restarting"`, `"not_found"`.
            StartError: the start failed; the child stays without a process.
        """
        return self._request(decisions.RestartChild(target))

    def delete_child(self, target: Any) -> None:
        """Forget a child that has no process.

        Raises:
            RequestError: `"running"`, `"restarting"`, `"not_found"`.
        """
        self._request(decisions.DeleteChild(target))

    def which_children(self) -> list[decisions.ChildRow]:
        """Return (id, ref or `"undefined"` or `"restarting"`, type, modules) of each child, last started first."""
        return self._request(decisions.WhichChildren())  # type: ignore[no-any-return]

    def count_children(self) -> decisions.Counts:
        """Return how many specifications, active children, supervisors and workers there are."""

        def call(performer: Performer) -> ReplyFuture:
            runners = [entry.runner for entry in performer.entries.values() if entry.runner is not None]
            alive = frozenset(runner for runner in runners if not runner.gone)
            return performer.request(decisions.CountChildren(alive))

        return self._on_loop(call)  # type: ignore[no-any-return]

    def get_childspec(self, target: Any) -> ChildSpec:
        """Return a child's specification with all defaults filled in.

        Raises:
            RequestError: `"not_found"`.
        """
        return self._request_for(decisions.GetChildSpec, target)  # type: ignore[no-any-return]

    # -- refs -----------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        """Return the ref of the child with this id; it follows restarts.

        Raises:
            KeyError: there is no such child.
        """
        performer = self._performer()
        entry = performer.entries.get(key) if performer is not None else None
        if performer is None or entry is None:
            raise KeyError(f"supervisor {self.name} has no child {key!r}")
        if isinstance(entry.runner, NestedRunner):
            found = entry

            def current() -> Performer | None:
                return found.runner.performer if isinstance(found.runner, NestedRunner) else None

            return SupervisorRef(self._app, current, f"{self.name}/{key}", entry.runner._class)
        return Ref(SlotTarget(entry.slot))

    def __contains__(self, key: Any) -> bool:
        performer = self._performer()
        return performer is not None and key in performer.entries

    # -- life -----------------------------------------------------------------------------------

    def is_alive(self) -> bool:
        """Tell whether the supervisor runs."""
        performer = self._performer()
        return performer is not None and not performer.state.finished and not performer._killed

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:
        """Stop the children in reverse order, each within its own shutdown time, then the supervisor.

        Args:
            block: whether to wait for the end; else the future of it is returned.
            timeout: seconds to wait at most.

        Returns:
            True, or False when it was not running.
        """
        future = self._end_future(lambda performer: performer.feed(decisions.StopSupervisor(SHUTDOWN)))
        return future.get(timeout=timeout) if block else future

    def kill(self, *, timeout: float | None = 10.0) -> bool:
        """Kill every child at once and end with reason `killed`; nothing is stopped in order."""
        return bool(self._end_future(lambda performer: performer.kill()).get(timeout=timeout))

    def wait(self, timeout: float | None = None) -> ExitReason | None:
        """Wait until the supervisor has ended; return its exit reason, None when the time ran out first."""
        future = ReplyFuture()

        def watch() -> None:
            performer = self._performer()
            if performer is None or performer.state.finished:
                future.succeed(self.reason)
            else:
                performer.watch_end(future.succeed)

        self._app.loop.call_soon(watch)
        if not future.wait(timeout):
            return None
        return future.get()  # type: ignore[no-any-return]

    @property
    def gave_up(self) -> bool:
        """Tell whether it ended since its children failed too often."""
        performer = self._performer()
        return performer is not None and performer.gave_up

    @property
    def reason(self) -> ExitReason | None:
        """Why it ended; None while it runs."""
        performer = self._performer()
        return performer.reason if performer is not None else None

    def _end_future(self, end: Callable[[Performer], object]) -> ReplyFuture:
        future = ReplyFuture()

        def begin() -> None:
            performer = self._performer()
            if performer is None or performer.reason is not None:
                future.succeed(False)
                return
            performer.watch_end(lambda _: future.succeed(True))
            end(performer)

        self._app.loop.call_soon(begin)
        return future

    def render(self) -> str:
        """Return the tree drawn as text: states, pids, restarts, memory."""
        return render(self._on_loop(_described), os.getpid())

    def _is_simple(self) -> bool:
        performer = self._performer()
        return performer is not None and performer.state.mode == "simple"

    # -- plumbing -------------------------------------------------------------------------------

    def _request(self, call: decisions.Call) -> Any:
        return self._on_loop(lambda performer: performer.request(call))

    def _request_for(self, make: Any, target: Any) -> Any:
        if not isinstance(target, pykka.ActorRef | SupervisorRef):
            return self._request(make(target))

        def call(performer: Performer) -> ReplyFuture:
            runner = performer.runner_of(target)
            by_pid = performer.state.mode != "ordinary"
            return performer.request(make(runner if runner is not None else target, by_pid, _is_alive(target)))

        return self._on_loop(call)

    def _on_loop(self, call: Callable[[Performer], ReplyFuture]) -> Any:
        self._app.check_owner()
        if self._app.loop.on_thread:
            raise RuntimeError("the loop's thread cannot wait for a supervisor")
        future = ReplyFuture()

        def perform() -> None:
            performer = self._performer()
            if performer is None:
                future.fail(RequestError("noproc", f"supervisor {self.name} is not running"))
                return
            call(performer).add_done_callback(lambda done: _copy(done, future))

        self._app.loop.call_soon(perform)
        return future.get()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SupervisorRef) and other._performer() is self._performer()

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"<SupervisorRef {self.name}>"


def _described(performer: Performer) -> ReplyFuture:
    future = ReplyFuture()
    future.succeed(describe_tree(performer))
    return future


def _is_alive(target: Any) -> bool:
    return bool(target.is_alive())


def _copy(source: ReplyFuture, target: ReplyFuture) -> None:
    try:
        target.succeed(source.get(timeout=0))
    except BaseException as error:
        target.fail(error)


class _Root:
    """Start a supervisor that has no supervisor above it."""

    def __init__(self, app: Application, cls: type[Any], name: str, unique: bool, spares: int | None) -> None:
        self._app = app
        self._name = name
        self._unique = unique
        self._spares = spares
        self._class = cls
        self._booted = ReplyFuture()
        self._over = threading.Event()
        self._failure: object = None
        self._performer: Performer | None = None
        self.ref = SupervisorRef(app, lambda: self._performer, name, cls)

    def start(self, state: decisions.State) -> SupervisorRef:
        """Boot, wait, return the handle or raise."""
        self._app.loop.call_soon(self._boot, state)
        try:
            failure = self._booted.get()
        except BaseException:
            self._app.loop.call_soon(self._abandon)
            raise
        if failure is not None:
            self._over.wait()
            raise failure
        return self.ref

    def _boot(self, state: decisions.State) -> None:
        taken = [tree for tree in self._app.trees if tree.name == self._name]
        if taken:
            self._over.set()
            text = f"a supervisor named {self._name!r} runs already"
            self._booted.succeed(StartError(("already_started", taken[0]), text))
            return
        self._performer = Performer(self._app, self._name, state, self._on_booted, self._on_finished)
        self._app.trees.append(self.ref)
        self._app.launcher.reserve(self._spares or 0)
        self._app.launcher.expect(_process_children(state))
        self._performer.feed(decisions.Boot())

    def _abandon(self) -> None:
        if self._performer is not None:
            self._performer.feed(decisions.StopSupervisor(SHUTDOWN))

    def _on_booted(self, reason: Any) -> None:
        if reason is None:
            pykka.ActorRegistry.register(self.ref)  # type: ignore[arg-type]
            self._booted.succeed(None)
        else:
            self._failure = reason

    def _on_finished(self, _reason: ExitReason) -> None:
        self._app.launcher.reserve(-(self._spares or 0))
        self._app.trees.remove(self.ref)
        pykka.ActorRegistry.unregister(self.ref)  # type: ignore[arg-type]
        self._over.set()
        performer = self._performer
        if not self._booted.done and performer is not None:
            text = f"supervisor {self._name} did not start: {self._failure!r}"
            causes = [str(error) for error in performer.errors.values() if error is not None]
            failure = StartError(self._failure, "\n".join([text, *causes]))
            failure.__cause__ = next((error for error in performer.errors.values() if error is not None), None)
            self._booted.succeed(failure)


def _process_children(state: decisions.State) -> int:
    """Return how many processes the boot will ask for."""
    count = 0
    for entry in state.children.values():
        start = entry.spec.start[0]
        count += isinstance(start, type) and issubclass(start, ProcessActor)
    return count

