"""What users hold of a running tree: `lens.run("memory alert")`, `lens.operator("vm").message("...")` and the rest."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, Protocol

import pykka

from beamlens.coordinator.messages import Await, Cancel, Investigate, Member, Outcome, SetMembers, Status
from beamlens.coordinator.strategy import check_strategy
from beamlens.domain import CoordinatorStatus, OperatorStatus, new_trace_id
from beamlens.errors import (
    BeamlensError,
    ConfigurationError,
    DeadlineExceeded,
    ModelFailed,
    RunCancelled,
    UnknownOperator,
)
from beamlens.following import Follower
from beamlens.group_operator import GroupOperator, ask_from_loop
from beamlens.operator.operator import Operator
from beamlens.operator_handle import OperatorHandle, reason_of
from beamlens.option_checks import check_names, check_values
from beamlens.options import OperatorPlan, Options, plan_operator
from beamlens.probe.messages import AddSkill, Failed, ListNodes, NodeInfo, RemoveSkill
from beamlens.skills.catalog import canonical_name
from supervision import Backoff, ChildSpec, Ref, SupervisionError, SupervisorRef

__all__ = ["Group", "Lens", "operator_spec"]

_GLANCE: Final = 2.0
_RUN_OPTIONS: Final = frozenset(each.name for each in fields(Investigate)) - {"context", "asked_at"}
_SECONDS: Final = 30.0
_RAISED: Final[dict[str, type[BeamlensError]]] = {
    "cancelled": RunCancelled,
    "deadline": DeadlineExceeded,
    "llm_failed": ModelFailed,
    "crashed": BeamlensError,
}


def operator_spec(plan: OperatorPlan) -> ChildSpec:
    """Return the child specification of an operator: permanent; the more often it fails, the longer it rests."""
    return ChildSpec(
        id=plan.config.name,
        start=(Operator, (plan.config,)),
        backoff=Backoff(initial=0.01, factor=4.0, maximum=30.0),
        healthy_after=60.0,
    )


class Group(Protocol):
    """What the processes of a group have in common, where the tree is one of a group."""

    @property
    def place(self) -> str:
        """`elected` where the operators are in this process."""
        ...

    def ask(self, question: str, value: Any = None, timeout: float | None = None) -> Any:
        """Ask the elected process, which may be this one."""
        ...

    def wait_for_place(self, seconds: float = 15.0) -> bool:
        """Wait until this process is elected, or has joined the elected one."""
        ...


class Lens(SupervisorRef):
    """Hold a running tree. Any thread of the application but the loop's.

    As every handle of a supervisor it has `stop`, `render`, `which_children` and the rest, and children by their ids.
    In a group of processes the elected one has the operators; runs and questions of the others go to it.
    """

    _alone = False

    # -- groups ---------------------------------------------------------------------------------

    def here(self) -> Lens:
        """Return a handle of what runs in this process, whoever is elected."""
        found = Lens(self._app, self._performer, self.name, self.actor_class)
        found._alone = True
        return found

    @property
    def group(self) -> Group | None:
        """What this tree and those of other processes have in common; None where it is no member of a group."""
        return None if self._alone or "member" not in self else self._kept("member")["seat"]

    def nodes(self) -> list[NodeInfo]:
        """Return the processes that the operators look into, the one they belong to first.

        Raises:
            pykka.Timeout: it does not answer.
        """
        if (group := self.group) is not None:
            return list(group.ask("nodes", None, _GLANCE))
        return list(self["probe"].ask(ListNodes(), timeout=_GLANCE))

    # -- investigations -------------------------------------------------------------------------

    def run(self, context: Any = None, *, timeout: float | None = None, **options: Any) -> Outcome:
        """Have the coordinator find out what is going on.

        Args:
            context: a text, or a mapping with `reason`; None: look around.
            timeout: seconds to wait; then `pykka.Timeout` is raised and the run goes on.
            options: of `Investigate`: `operators`, `deadline` (seconds; 300), `max_iterations`, `strategy`, `client`,
                `model`, `notifications`, `caller`; `run_id` (32 hexadecimal characters) where it must be known before.

        Returns:
            Insights, what operators found, and `answer`, one text that says it all.

        Raises:
            DeadlineExceeded, RunCancelled, ModelFailed, BeamlensError: the run ended so, and found nothing before.
        """
        asked = _investigate(context, options)
        if (group := self.group) is not None:
            return _checked(group.ask("run", asked, timeout))
        return _checked(self.follower(asked).wait(timeout))

    async def arun(self, context: Any = None, **options: Any) -> Outcome:
        """Do as `run`, from an event loop; cancelling the task cancels the run."""
        import asyncio  # here and not above: a program without an event loop should not import one

        asked = _investigate(context, options)
        if (group := self.group) is not None:
            return _checked(await ask_from_loop(group, "run", asked, (None, asked.run_id)))
        try:
            return _checked(await self.follower(asked).await_())
        except asyncio.CancelledError:
            self.coordinator.tell(Cancel(asked.run_id))
            raise

    def cancel(self, run_id: str | None = None) -> int:
        """Cancel a run of the coordinator, by default all and a scheduled one; return how many."""
        if (group := self.group) is not None:
            return int(group.ask("cancel", (None, run_id), _GLANCE))
        return int(self.coordinator.ask(Cancel(run_id), timeout=_GLANCE))

    def await_(self, run_id: str | None = None, *, timeout: float | None = None) -> Outcome | None:
        """Wait for a run of the coordinator, by default the one that is on; None where there is none."""
        group = self.group
        if group is not None:
            return group.ask("await", (None, run_id), timeout)  # type: ignore[no-any-return]
        answer = self.coordinator.ask(Await(run_id), timeout=timeout)
        return answer if isinstance(answer, Outcome) else None

    def follower(self, asked: Investigate) -> Follower[Outcome]:
        """Return what stays with a run of this process' coordinator until it ends."""

        def gone(reason: str, deaths: int) -> Outcome:
            why = f"the coordinator is gone: {reason}"
            return Outcome(ending="crashed", trace_id=asked.run_id, reason=why, crashes=deaths)

        return Follower(self.coordinator, asked, Await(asked.run_id), Outcome, gone)

    # -- parts ----------------------------------------------------------------------------------

    @property
    def coordinator(self) -> Ref:
        """A ref to the coordinator; follows restarts."""
        return self["coordinator"]  # type: ignore[no-any-return]

    @property
    def options(self) -> Options:
        """What the tree was started with."""
        return self._kept("journal")["options"]  # type: ignore[no-any-return]

    def operator(self, name: str) -> OperatorHandle:
        """Return a handle of an operator.

        Raises:
            UnknownOperator: there is none of that name.
        """
        if (group := self.group) is not None:
            return self._operator_of_group(group, name)
        tree = self["operators"]
        for known in (name, canonical_name(name)):
            if known in tree:
                config = tree.get_childspec(known).start[1][0]
                return OperatorHandle(config, tree[known], self["journal"], self._kept("journal")["listeners"])
        names = ", ".join(self.operator_names()) or "none"
        raise UnknownOperator(f"there is no operator {name!r}; there are: {names}")

    def _operator_of_group(self, group: Group, name: str) -> OperatorHandle:
        plans = {plan.config.name: plan.config for plan in self.options.plans("")}
        config = plans.get(name) or plans.get(canonical_name(name))
        if config is None:
            raise UnknownOperator(f"there is no operator {name!r}; there are: {', '.join(plans) or 'none'}")
        group.wait_for_place()
        return self.here().operator(name) if group.place == "elected" else GroupOperator(config, group)

    def operator_names(self) -> list[str]:
        """Return the names of all operators, in the order in which they were added."""
        if self.group is not None:
            return [plan.config.name for plan in self.options.plans("")]
        return [str(row[0]) for row in reversed(self["operators"].which_children())]

    # -- status ---------------------------------------------------------------------------------

    def list_operators(self) -> list[OperatorStatus]:
        """Return how all operators stand; asked all at once, so it takes 2 seconds at most."""
        if (group := self.group) is not None:
            return list(group.ask("operators", None, 2 * _GLANCE))
        handles = [self.operator(name) for name in self.operator_names()]
        if not handles:
            return []
        with ThreadPoolExecutor(len(handles), thread_name_prefix="beamlens-status") as pool:
            return list(pool.map(OperatorHandle.status, handles))

    def operator_status(self, name: str) -> OperatorStatus:
        """Return how an operator stands.

        Raises:
            UnknownOperator: there is none of that name.
        """
        return self.operator(name).status()

    def status(self) -> CoordinatorStatus:
        """Return how the coordinator stands.

        Raises:
            pykka.Timeout: it does not answer.
        """
        if (group := self.group) is not None:
            return group.ask("status", None, _GLANCE)  # type: ignore[no-any-return]
        return self.coordinator.ask(Status(), timeout=_GLANCE)  # type: ignore[no-any-return]

    async def alist_operators(self) -> list[OperatorStatus]:
        """Do as `list_operators`, from an event loop."""
        import asyncio

        return await asyncio.to_thread(self.list_operators)

    def usage(self) -> Any:
        """Return what models were used for, by caller and by run; over restarts of the gateway."""
        if (group := self.group) is not None:
            return group.ask("usage", None, _GLANCE)
        return self._kept("journal")["tally"].report()

    @property
    def transcripts(self) -> Path | None:
        """Where transcripts of runs are written; None: nowhere."""
        return self._kept("journal")["store"].directory  # type: ignore[no-any-return]

    # -- changes --------------------------------------------------------------------------------

    def add_operator(self, given: Any) -> OperatorHandle:
        """Add an operator while the tree runs.

        Args:
            given: as in the option `operators`: a name, a class, or a mapping with `skill`, `name` and options.

        Raises:
            ConfigurationError: it is none, or there is one of that name.
        """
        self._check_alone()
        plan = plan_operator(given, self.options, self._kept("journal")["tree"])
        if plan.config.name in self["operators"]:
            raise ConfigurationError(f"there is an operator {plan.config.name!r}; give this one another name")
        if plan.config.local_skill is None:
            _check(self["probe"].ask(AddSkill(plan.spec), timeout=_SECONDS))
        try:
            self["operators"].start_child(operator_spec(plan))
        except Exception:
            self._drop_skill(plan.config.skill)
            raise
        self._tell_members()
        return self.operator(plan.config.name)

    def remove_operator(self, name: str) -> None:
        """Stop an operator and forget it; its runs are cancelled.

        Raises:
            UnknownOperator: there is none of that name.
        """
        self._check_alone()
        found = self.operator(name)
        config = self["operators"].get_childspec(found.name).start[1][0]
        self["operators"].terminate_child(found.name)
        self["operators"].delete_child(found.name)
        self._kept("journal")["store"].forget(f"operator:{found.name}")
        if config.local_skill is None:
            self._drop_skill(config.skill)
        self._tell_members()

    def _check_alone(self) -> None:
        if self.group is not None:
            raise ConfigurationError(
                "the operators of a group are the same in all its processes: give them where each of them starts"
            )

    def _drop_skill(self, skill: str) -> None:
        try:
            self["probe"].ask(RemoveSkill(skill), timeout=_SECONDS)
        except (pykka.ActorDeadError, pykka.Timeout, SupervisionError):
            return  # a probe that is gone took its skills along

    def _tell_members(self) -> None:
        members = tuple(member_of(self["operators"].get_childspec(name)) for name in self.operator_names())
        self.coordinator.tell(SetMembers(members))

    def _kept(self, child: str) -> Any:
        return self.get_childspec(child).start[2]


def member_of(spec: ChildSpec) -> Member:
    """Return what the coordinator is told of an operator."""
    config = spec.start[1][0]
    return Member(config.name, config.title, config.description)


def _investigate(context: Any, options: dict[str, Any]) -> Investigate:
    check_names("a run", options, _RUN_OPTIONS)
    check_values("a run", options)
    if options.get("strategy") is not None:
        check_strategy(options["strategy"])
    for name in ("operators", "notifications"):
        if options.get(name) is not None:
            options[name] = tuple(options[name])
    return Investigate(**{"run_id": new_trace_id(), "context": reason_of(context), **options})


def _checked(outcome: Outcome) -> Outcome:
    if outcome.ok or outcome.insights or outcome.notifications:
        return outcome
    raise _RAISED[outcome.ending](f"the run ended as {outcome.ending}: {outcome.reason}")


def _check(answer: Any) -> None:
    if isinstance(answer, Failed):
        raise BeamlensError(answer.text)
