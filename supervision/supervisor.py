"""Supervisor: starts children in order, restarts them as OTP would, stops them in reverse order."""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
from collections.abc import Iterable
from typing import Any, ClassVar

import pykka

from supervision import decisions
from supervision.actor import ProcessActor
from supervision.errors import SpecError, StartError
from supervision.exits import SHUTDOWN, ExitReason
from supervision.future import ReplyFuture
from supervision.process import context
from supervision.process.application import Application
from supervision.process.limits import check_descriptors
from supervision.process.orders import module_to_learn
from supervision.tree.call_runner import IGNORE
from supervision.tree.performer import Performer
from supervision.tree.supervisor_ref import SupervisorRef, full_spec

__all__ = ["IGNORE", "Supervisor", "SupervisorRef"]


class Supervisor:
    """Describe and start supervisors.

    `Supervisor.start(children)` starts one; `(Supervisor, {"children": [...]})` among the children of
    another nests it. A subclass may override `init` to make the children itself, anew at each restart.

    A supervisor is no thread and no process: its decisions run on the application's loop, where the
    deaths of children are heard first.
    """

    supervision_type: ClassVar[str] = "supervisor"
    handle: ClassVar[type[SupervisorRef]] = SupervisorRef
    """What `start` returns, and `tree["id"]` for a nested one; a subclass may have one with calls of its own."""

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
        if context.is_actor():
            raise StartError(
                ("not_here", cls.__qualname__),
                "supervisors live in the application; an actor that needs one asks the application for it",
            )
        # First: a specification may have something to say on the settings, which are fixed once actors can run.
        state = cls.initial_state(args, kwargs)
        node = context.node()
        assert isinstance(node, Application)
        node.check_owner()
        check_descriptors(len(_process_classes(state)))
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
        flags = {
            "strategy": strategy,
            "intensity": intensity,
            "period": period,
            "auto_shutdown": auto_shutdown,
        }
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
        return decisions.initial(flags, [full_spec(given) for given in children], seed=_seed())

    @classmethod
    def _call_init(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not cls.has_own_init():
            return cls().init(*args, **kwargs)
        try:
            return cls().init(*args, **kwargs)
        except Exception as error:
            raise StartError(
                (type(error).__name__, str(error)),
                f"{cls.__qualname__}.init() raised {type(error).__name__}: {error}",
            ) from error


def _seed() -> int:
    return int.from_bytes(os.urandom(4), "little")


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
        self._failure: object = "killed"  # unless its boot says why
        self._performer: Performer | None = None
        self.ref: SupervisorRef = cls.handle(app, lambda: self._performer, name, cls)

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
        classes = _process_classes(state)
        self._app.launcher.expect(len(classes), _modules(classes))
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
            causes = [f"{error}{error.__cause__ or ''}" for error in performer.errors.values() if error is not None]
            failure = StartError(self._failure, "\n".join([text, *causes]))
            failure.__cause__ = next((error for error in performer.errors.values() if error is not None), None)
            self._booted.succeed(failure)


def _process_classes(state: decisions.State) -> list[type[Any]]:
    """Return the classes of the processes that the boot will ask for."""
    starts = [entry.spec.start[0] for entry in state.children.values()]
    return [start for start in starts if isinstance(start, type) and issubclass(start, ProcessActor)]


def _modules(classes: list[type[Any]]) -> set[str]:
    found = set()
    for actor_class in classes:
        with contextlib.suppress(SpecError):  # said where it is to be started, with its name
            found.add(module_to_learn(actor_class))
    return found
