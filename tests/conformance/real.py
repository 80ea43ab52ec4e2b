"""Play scenarios on real supervisors and real processes; what happens is heard through telemetry."""

from __future__ import annotations

import functools
import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from supervision import IGNORE, RequestError, SpecError, StartError, Supervisor, SupervisorRef, telemetry
from supervision.decisions import (
    Call,
    CountChildren,
    DeleteChild,
    GetChildSpec,
    Ok,
    Refused,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from supervision.process.application import application
from supervision.reporter import reporter
from supervision.testing import wait_until
from supervision.tree.performer import Performer
from tests.conformance.children import FAILURES, Behaviour, Ledger, plain
from tests.conformance.real_actors import Player, Top
from tests.conformance.real_loop import ask_loop, holding_the_loop, is_quiet, wait_for_end
from tests.conformance.real_terms import as_otp, fail, prefix, started, target
from tests.conformance.scenario import build

__all__ = ["Real"]

CHILD = [("supervision", "child", what) for what in ("started", "down")]
REPORTS = [
    ("supervision", "supervisor", context)
    for context in ("child_terminated", "start_error", "shutdown_error", "shutdown", "progress")
]
# Between two attempts to start a child that is held; OTP would try without a pause.
HELD_SECONDS = 0.005

_numbers = itertools.count(1)


class Real:
    """Be a `Backend` on processes.

    Args:
        by_class: name the actor class in the specifications, in place of a function that starts one. Every
            start succeeds then.
    """

    def __init__(self, *, by_class: bool = False) -> None:
        self.ledger = Ledger()
        self.tree: Any = None
        self.name = f"conformance-{next(_numbers)}"
        self.by_class = by_class
        self.progress: list[Any] = []  # (path, process id) of each progress report
        self.reported_pids: list[Any] = []  # of each other report about a single child
        self.pids: dict[str, int] = {}  # of those who live, by path
        self.names: dict[int, tuple[str, int]] = {}  # (path, generation), by process id
        self.refs: dict[str, Any] = {}  # the last one of each instance
        self._instances: dict[tuple[str, int], str] = {}  # paths by supervisor and key
        self._starting: tuple[str, str] | None = None  # the supervisor, and the instance asked of it
        self._nested: set[str] = set()
        self._simple: set[str] = set()
        self._stranger: Any = None
        self._writes = 0
        self._lock = threading.Lock()
        telemetry.attach_many(self.name, CHILD, self._on_child)
        telemetry.attach_many(f"{self.name}-reports", REPORTS, self._on_report)

    @property
    def machines(self) -> list[Any]:
        """What the simulation calls so: whatever has the state of the top supervisor."""
        return [self.tree._performer()]

    def close(self) -> None:
        """Leave nothing behind."""
        if self.tree is not None:
            self.tree.kill()
        if self._stranger is not None:
            self._stranger.stop()
        if self.tree is not None:
            self._flush()
        telemetry.detach(self.name)
        telemetry.detach(f"{self.name}-reports")

    # --- the Backend -----------------------------------------------------------------------------------

    def start_function(self, behaviour: Behaviour) -> Callable[..., object]:
        if behaviour.sup is not None:
            self._nested.add(behaviour.path)
            return self._supervisor_class(behaviour.path, behaviour.sup)

        def start(instance: Any = None) -> Any:
            own = behaviour if instance is None else behaviour.for_instance(prefix(behaviour.path), instance)
            return self._start_player(own)

        start.behaviour = behaviour  # type: ignore[attr-defined]
        return start

    def start(self, flags: Any, specs: list[object]) -> object:
        if flags.get("strategy") == "simple_one_for_one":
            self._simple.add(self.name)
        try:
            self.tree = Top.start(flags, [self._own_start(spec) for spec in specs], name=self.name)
        except (SpecError, StartError) as error:
            return as_otp(error.reason)
        return None

    def exit_children(self, paths: Sequence[str], reason: str | list[str]) -> int:
        self._flush()
        running = [path for path in paths if path in self.pids]
        ends = [(path, self.ledger.generations[path]) for path in running]
        if len(running) > 1:
            with holding_the_loop():
                for path in running:
                    self._end(path, reason)
        elif running:
            self._end(running[0], reason)
        wait_until(lambda: all(self._has_ended(*end) for end in ends))
        return len(running)

    def request(self, sup_path: str, call: Call) -> Ok | Refused:
        sup = self._supervisor(sup_path)
        if sup is None:
            return Refused("noproc")
        try:
            value = self._ask(sup, sup_path, call)
        except StartError as error:
            path = f"{sup_path}/{target(call)}".lstrip("/")
            if path in self._nested:
                self._write(self.ledger.failed, path, as_otp(error.reason))
            return Refused(as_otp(error.reason), failed=True)
        except (SpecError, RequestError) as error:
            return Refused(as_otp(error.reason))
        finally:
            self._flush()
        return Ok(value)

    def pid_of(self, path: str) -> object | None:
        return self.refs.get(path)

    def name_of(self, pid: Any) -> tuple[str, int]:
        self._flush()
        if isinstance(pid, SupervisorRef):
            path = pid.name.removeprefix(f"{self.name}/")
            return path, self.ledger.generations[path]
        return self.names[pid.pid]

    def release(self, path: str) -> None:
        self.ledger.released.add(path)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def settle(self) -> None:
        wait_until(self._is_at_rest, timeout=30.0, interval=0.001)

    def sup_state(self) -> Any:
        if self.tree is None:
            return "not_started"
        return "alive" if self.tree.is_alive() else ["dead", plain(self.tree.reason)]

    def stop(self) -> None:
        self.tree.stop()

    # --- starting --------------------------------------------------------------------------------------

    def _supervisor_class(self, path: str, sup: Any) -> type[Supervisor]:
        backend = self

        class Nested(Supervisor):
            def init(self) -> Any:  # type: ignore[override]
                flags, specs = build(sup["flags"], sup["children"], f"{path}/", backend)
                return flags, [backend._own_start(spec) for spec in specs]

        if sup["flags"].get("strategy") == "simple_one_for_one":
            self._simple.add(f"{self.name}/{path}")
        return Nested

    def _own_start(self, spec: Any) -> Any:
        """Name the class in place of the function where that is wanted."""
        start = spec.get("start") if isinstance(spec, dict) else None
        behaviour = getattr(start[0], "behaviour", None) if isinstance(start, tuple) else None
        if not self.by_class or behaviour is None:
            return spec
        assert set(behaviour.starts) <= {"ok"}, "a class alone cannot play this"
        return {**spec, "start": (Player, (behaviour.path, behaviour.trap, behaviour.on_shutdown))}

    def _start_player(self, behaviour: Behaviour) -> Any:
        path = behaviour.path
        with self._lock:
            outcome = self.ledger.attempt(behaviour)
        if outcome == "hold" and path in self.ledger.held:
            time.sleep(HELD_SECONDS)
        if outcome == "ignore":
            self._write(self.ledger.ignored, path)
            return IGNORE
        if outcome in FAILURES:
            self._write(self.ledger.failed, path, FAILURES[outcome])
            return fail(outcome)
        ref = Player.start(path, behaviour.trap, behaviour.on_shutdown)
        self.refs[path] = ref
        return (ref, "info") if outcome == "ok_info" else ref

    # --- ending ----------------------------------------------------------------------------------------

    def _end(self, path: str, reason: str | list[str]) -> None:
        if path in self._nested:
            supervisor = self._supervisor(path)
            assert supervisor is not None
            supervisor.kill() if reason == "kill" else supervisor.stop()
            return
        pid = self.pids[path]
        if reason == "kill":
            os.kill(pid, signal.SIGKILL)
        else:
            self.live_ref(path).tell(reason)
        wait_for_end(pid)

    def live_ref(self, path: str) -> Any:
        """Return a ref of the process that lives at a path."""
        known = self.refs.get(path)
        if known is not None:
            return known if known.is_alive() else known.following()
        supervisor = self._supervisor(path.rpartition("/")[0])
        assert supervisor is not None
        return supervisor[path.rpartition("/")[2]].pinned()

    def _has_ended(self, path: str, generation: int) -> bool:
        return path not in self.pids or self.ledger.generations[path] != generation

    # --- requests --------------------------------------------------------------------------------------

    def _supervisor(self, path: str) -> Any:
        """Return the supervisor at a path if it is there."""
        found = self.tree
        for name in path.split("/") if path else ():
            if found is None or name not in found:
                return None
            found = found[name]
        return found if isinstance(found, SupervisorRef) else None

    def _ask(self, sup: SupervisorRef, sup_path: str, call: Call) -> Any:
        match call:
            case StartChild((dict() as instance,)):
                return self._start_instance(sup, sup_path, instance)
            case StartChild(spec):
                return started(sup.start_child(self._own_start(spec)))
            case RestartChild(target):
                return started(sup.restart_child(target))
            case TerminateChild(target, by_pid):
                return sup.terminate_child(self._as_ref(target) if by_pid else target)
            case DeleteChild(target):
                return sup.delete_child(target)
            case GetChildSpec(target, by_pid):
                return sup.get_childspec(self._as_ref(target) if by_pid else target)
            case WhichChildren():
                return sup.which_children()
            case CountChildren():
                return sup.count_children()
        raise AssertionError(call)

    def _start_instance(self, sup: SupervisorRef, sup_path: str, instance: dict[str, Any]) -> Any:
        path = f"{sup_path}/{instance['id']}".lstrip("/")
        self._flush()
        self._starting = (sup.name, path)
        try:
            child = started(sup.start_child((instance,)))
        finally:
            self._flush()
            self._starting = None
        if child.pid is not None:
            self.refs[path] = child.pid
        return child

    def _as_ref(self, target: Any) -> Any:
        """Return the ref of a process; where there never was one, that of a living stranger."""
        match target:
            case (str() as path, int()):
                return self.live_ref(path)
            case str():
                self._stranger = self._stranger or Player.start("stranger")
                return self._stranger
        return target.following() if self.by_class else target

    # --- what is heard: the reporter's thread ------------------------------------------------------------

    def _on_child(self, event: Any, _measurements: Any, metadata: Any, _config: object) -> None:
        path = self._path_of(metadata["supervisor"], metadata["id"])
        if path is None:
            return
        self._writes += 1
        if event[2] == "started":
            generation = self.ledger.started(path)
            self.pids[path] = metadata["pid"]
            self.names[metadata["pid"]] = (path, generation)
        else:
            self.ledger.exited(path, self.ledger.generations[path], as_otp(metadata["reason"].term()))
            del self.pids[path]

    def _path_of(self, supervisor: str, key: Any) -> str | None:
        if not f"{supervisor}/".startswith(f"{self.name}/"):
            return None
        if supervisor not in self._simple:
            return f"{supervisor}/{key}".removeprefix(f"{self.name}/")
        if (supervisor, key) not in self._instances:
            assert self._starting is not None, "an instance that nobody asked for"
            assert self._starting[0] == supervisor
            self._instances[supervisor, key] = self._starting[1]
        return self._instances[supervisor, key]

    def _on_report(self, event: Any, _measurements: Any, metadata: Any, _config: object) -> None:
        supervisor = metadata["supervisor"]
        if not f"{supervisor}/".startswith(f"{self.name}/"):
            return
        self._writes += 1
        offender = metadata.get("offender") or metadata["started"]
        path = f"{supervisor}/{offender['id']}".removeprefix(f"{self.name}/")
        if event[2] == "progress":
            self.progress.append((path, offender["pid"]))
            return
        if supervisor in self._simple and "nb_children" not in offender:
            path = self.names[offender["pid"]][0]
        reason = as_otp(metadata["reason"])
        if event[2] == "start_error" and path in self._nested:
            self.ledger.failed(path, reason)
        self.reported_pids.append(offender.get("pid"))
        self.ledger.reported(event[2], path, reason, offender.get("nb_children"))

    def _write(self, function: Callable[..., object], *args: object) -> None:
        """Call a function behind all that was told before. Any thread."""
        loop = application().loop
        loop.call_soon(loop.call_soon_after, reporter.put, functools.partial(self._written, function, args))

    def _written(self, function: Callable[..., object], args: Sequence[object]) -> None:
        self._writes += 1
        function(*args)

    def _flush(self) -> int:
        """Wait until all that happened was heard; return how much that is so far."""
        flushed = threading.Event()
        loop = application().loop
        loop.call_soon(loop.call_soon_after, reporter.put, flushed.set)
        assert flushed.wait(20.0), "the loop is stuck"
        return self._writes

    # --- coming to rest ----------------------------------------------------------------------------------

    def _is_at_rest(self) -> bool:
        before = self._flush()
        if self.tree is None:
            return True
        return self._are_quiet() and before == self._flush() and self._are_quiet()

    def _are_quiet(self) -> bool:
        return ask_loop(lambda: is_quiet(self.tree._performer(), self._holds))

    def _holds(self, performer: Performer, key: Any) -> bool:
        path = self._instances.get((performer.name, key)) or f"{performer.name}/{key}".removeprefix(f"{self.name}/")
        return path in self.ledger.held and path not in self.ledger.released
