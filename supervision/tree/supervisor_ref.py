"""What users hold of a running supervisor."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pykka

from supervision import decisions
from supervision.errors import RequestError
from supervision.exits import SHUTDOWN, ExitReason
from supervision.future import ReplyFuture
from supervision.process.application import Application
from supervision.process.slot import SlotTarget
from supervision.ref import Ref
from supervision.spec import ChildSpec, child
from supervision.tree.nested_runner import NestedRunner
from supervision.tree.performer import Performer
from supervision.tree.rendering import describe_tree, render

__all__ = ["SupervisorRef", "full_spec"]


def full_spec(given: Any) -> Any:
    """Turn the short forms into specifications; leave what is none for the validation to refuse."""
    short = isinstance(given, type) or (isinstance(given, tuple) and len(given) > 1 and isinstance(given[0], type))
    return child(given) if short else given


class SupervisorRef:
    """Hold a running supervisor. Any thread but the loop's.

    `tree["id"]` is the ref of a child that follows its restarts, or the `SupervisorRef` of a nested one.
    """

    def __init__(
        self,
        app: Application,
        performer: Callable[[], Performer | None],
        name: str,
        supervisor_class: type[Any],
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
        given = child(spec, **overrides) if overrides else spec if self._is_simple() else full_spec(spec)
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
        return self._request(decisions.CountChildren(_RUNNING))  # type: ignore[no-any-return]

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

            return entry.runner._class.handle(self._app, current, f"{self.name}/{key}", entry.runner._class)
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
        self._app.check_owner()
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
        self._app.check_owner()
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

    def describe(self) -> dict[str, Any]:
        """Return the tree as plain values, as `render` has it. Loop thread only."""
        performer = self._performer()
        return {} if performer is None else describe_tree(performer)

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


class _Running:
    """Contain the runners that run when it is asked: the request may be served later."""

    def __contains__(self, runner: Any) -> bool:
        return not runner.gone


_RUNNING = _Running()


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
