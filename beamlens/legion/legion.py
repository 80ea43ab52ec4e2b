"""What users hold of a running tree of agents: `tree.execute(Clerk, "...")`, `tree.start_agent(Clerk)` and the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import pykka

from beamlens.domain.ids import new_trace_id
from beamlens.errors import ConfigurationError
from beamlens.legion.definition import address_of, find_agent
from beamlens.legion.handle import AgentHandle
from beamlens.legion.host import Offices, dismiss, hire
from beamlens.legion.messages import AgentConfig
from beamlens.legion.options import check_known, merged
from beamlens.legion.results import Cancelled, Result
from beamlens.legion.store.keeper import LEAVE, Agents, Drop, Forget
from beamlens.legion.store.store import Claim, Kept
from beamlens.llm.registry import key_variables
from supervision import Registry, RequestError, SpecError, StartError, SupervisorRef

__all__ = ["LegionTree"]

_SECONDS: Final = 30.0
_LEASES: Final = 1.2
_LOOK: Final = 0.2
_AT_ONCE: Final = 3  # turns that are ended at the same time after a start, as in Legion


class LegionTree(SupervisorRef):
    """Hold a running tree of agents. Any thread of the application but the loop's."""

    # -- agents ---------------------------------------------------------------------------------

    def execute(
        self, agent: Any, task: Any, *, timeout: float | None = None, deadline: float | None = None, **options: Any
    ) -> Result:
        """Start an agent, have it solve a task, and end it.

        Args:
            agent: its class; or the id of one that runs, which is asked and left running.
            task: the message; see `AgentHandle.call`.
            timeout: seconds to wait; then `pykka.Timeout` is raised and the agent ends.
            deadline: seconds for the turn; then it is cancelled.
            options: as `start_agent` takes them.

        Returns:
            `Ok(value)` or `Cancelled(reason)`.

        Raises:
            ConfigurationError, RequestError, StartError: as `start_agent`; a rate limit is no error but a result.
        """
        if isinstance(agent, str):
            found = self.lookup(agent)
            if found is None:
                raise LookupError(f"no agent {agent!r} runs here")
            return found.call(task, timeout=timeout, deadline=deadline)
        try:
            handle = self.start_agent(agent, **options)
        except RequestError as error:
            refused = _rate_limited(error)
            if refused is None:
                raise
            return refused
        try:
            return handle.call(task, timeout=timeout, deadline=deadline)
        finally:
            handle.stop()
            if "agent_id" not in options:
                self._drop(handle.agent_id)

    def start_agent(
        self, agent: Any, *, agent_id: str | None = None, vault: Mapping[str, Any] | None = None, **options: Any
    ) -> AgentHandle:
        """Start an agent that stays. It is restarted when it dies, and goes on.

        Args:
            agent: its class.
            agent_id: names it, in the store too; an agent that is kept goes on with its conversation. None: a new one.
            vault: values for its tools; in no prompt and no store.
            options: of `AgentOptions`.

        Raises:
            ConfigurationError: what is wrong with the class or the options.
            RequestError: `already_started`, `agent_mismatch` or `rate_limited`.
            StartError: the process did not start; the text has what the class raised.
        """
        config = self._config(agent, agent_id, vault or {}, options)
        return AgentHandle(hire(self._offices, config), config.agent_id, find_agent(config.agent), self._tree)

    def lookup(self, agent_id: str) -> AgentHandle | None:
        """Return the handle of an agent that runs in this tree."""
        ref = Registry(self._tree).whereis(f"agent:{agent_id}")
        if ref is None:
            return None
        config: AgentConfig = self["agents"].get_childspec(ref).start[1][0]
        return AgentHandle(ref.following(), agent_id, find_agent(config.agent), self._tree)

    def running(self, agent_id: str) -> bool:
        """Tell whether an agent runs in this tree."""
        return Registry(self._tree).whereis(f"agent:{agent_id}") is not None

    def stop_agent(self, agent_id: str) -> bool:
        """End an agent; what is kept of it stays. False where it does not run."""
        return dismiss(self._tree, agent_id)

    def usage(self) -> Any:
        """Return what models were used for, by caller (`legion:Clerk`) and by run (the agent's id).

        With a tree of BeamLens' gateway, what that was used for in all.
        """
        tally = self._kept("host")["tally"]
        return self._own_options()["beamlens"].usage() if tally is None else tally.report()

    # -- what is kept ---------------------------------------------------------------------------

    def kept(self) -> list[Kept]:
        """Return the agents in the store, the newest first."""
        return list(self["store"].ask(Agents(), timeout=_SECONDS))

    def forget(self, agent_id: str) -> None:
        """Remove what is kept of an agent."""
        self["store"].ask(Forget(agent_id), timeout=_SECONDS)

    def resume(self, agent_id: str, *, vault: Mapping[str, Any] | None = None, **options: Any) -> AgentHandle:
        """Start an agent that is kept; an unfinished turn goes on, and `handle.await_()` is its result.

        Raises:
            LookupError: nothing is kept of it, or its class cannot be found any more.
            RequestError: it runs already, here (`already_started`) or in another program.
        """
        found = next((kept for kept in self.kept() if kept.agent_id == agent_id), None)
        if found is None:
            raise LookupError(f"nothing is kept of an agent {agent_id!r}")
        return self.start_agent(find_agent(found.agent), agent_id=agent_id, vault=vault, **options)

    def recover(self, *, block: bool = True) -> dict[str, Result]:
        """End the turns that a former life of this program, or another program that is gone, left unfinished.

        Agents that others started are left out, and forgotten: who started them starts others.

        Args:
            block: whether to wait; else this returns at once with nothing.

        Returns:
            The results by the ids of the agents, which are ended again.
        """
        if not block:
            threading.Thread(target=self.recover, name="legion-recovery", daemon=True).start()
            return {}
        everybody = self.kept()
        for kept in everybody:
            self._forget_orphan(kept)
        found = [kept for kept in everybody if kept.status == "running" and kept.parent_id is None]
        waiting = [kept for kept in found if not self.running(kept.agent_id)]
        with ThreadPoolExecutor(_AT_ONCE, "legion-recovery") as pool:
            results = list(pool.map(self._recover, waiting))
        return {kept.agent_id: result for kept, result in zip(waiting, results, strict=True) if result is not None}

    def _forget_orphan(self, kept: Kept) -> None:
        """Forget an agent that another one started in a program that is gone."""
        if kept.parent_id is None or self.running(kept.agent_id):
            return
        claim = Claim(agent_id=kept.agent_id, agent=kept.agent, owner=self._offices.owner, seconds=_SECONDS)
        if self["store"].ask(claim, timeout=_SECONDS) is None:
            self._drop(kept.agent_id)

    def _drop(self, agent_id: str) -> None:
        with suppress(pykka.ActorDeadError):  # then a row stays that nobody needs
            self["store"].tell(Drop(agent_id))

    def _recover(self, kept: Kept) -> Result | None:
        handle = self._resumed(kept.agent_id)
        if handle is None or isinstance(handle, Cancelled):
            return handle
        try:
            return handle.await_()
        finally:
            handle.stop()

    def _resumed(self, agent_id: str) -> AgentHandle | Cancelled | None:
        # The claim of a program that was killed a moment ago still holds for a while.
        patience = time.monotonic() + _LEASES * self._offices.lease_seconds
        while self.is_alive():
            try:
                return self.resume(agent_id)
            except RequestError:
                if self.running(agent_id) or time.monotonic() >= patience:
                    return None
                time.sleep(_LOOK)
            except (LookupError, ConfigurationError, SpecError, StartError) as error:
                return Cancelled("gone", str(error))
        return None

    # -- the end --------------------------------------------------------------------------------

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:
        """Stop the tree; its agents are given up, and turns that are on can go on in another one. As a supervisor's."""
        with suppress(pykka.ActorDeadError, LookupError):  # it has died, or is about to be started again
            self["store"].tell(LEAVE)
        return super().stop(block=block, timeout=timeout)

    # -- parts ----------------------------------------------------------------------------------

    @property
    def _tree(self) -> str:
        return str(self._kept("host")["tree"])

    @property
    def _offices(self) -> Offices:
        offices: Offices = self._kept("host")["offices"]
        offices.agents = self["agents"]
        return offices

    def _kept(self, child: str) -> dict[str, Any]:
        return dict(self.get_childspec(child).start[2])

    def _config(
        self, agent: Any, agent_id: str | None, vault: Mapping[str, Any], options: Mapping[str, Any]
    ) -> AgentConfig:
        from beamlens.legion.tree import LegionOptions

        address = address_of(agent)
        check_known(options)
        guard = options.get("eval_guard")
        if guard is not None and not isinstance(guard, str):
            raise ConfigurationError("an eval_guard at a start crosses processes: give it as 'module:function'")
        own: LegionOptions = LegionOptions(**self._own_options())
        merged(own.agents, options)
        registry = own.registry()
        named = registry.model() or registry.client().provider
        services = self._tree if own.beamlens is None else own.beamlens.get_childspec("journal").start[2]["tree"]
        return AgentConfig(
            agent=address,
            agent_id=_checked_id(agent_id),
            tree=self._tree,
            services=str(services),
            defaults=dict(own.agents),
            options=dict(options),
            vault=dict(vault),
            secrets=key_variables(registry),
            model=named,
            prices=dict((own if own.beamlens is None else own.beamlens.options).prices or {}),
            allow_reduced_sandbox=own.allow_reduced_sandbox,
        )

    def _own_options(self) -> dict[str, Any]:
        return dict(self._kept("host")["options"])


def _checked_id(agent_id: str | None) -> str:
    if agent_id is None:
        return new_trace_id()
    if not isinstance(agent_id, str) or not agent_id or len(agent_id) > 200:
        raise ConfigurationError(f"agent_id is {agent_id!r:.60}; a text of 1 to 200 characters is expected")
    return agent_id


def _rate_limited(error: RequestError) -> Cancelled | None:
    from beamlens.legion.limits import violation_data

    reason = error.reason
    if not (isinstance(reason, tuple) and reason[0] == "rate_limited"):
        return None
    return Cancelled("rate_limited", str(error), [violation_data(each) for each in reason[1]])
