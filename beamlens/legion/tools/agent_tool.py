"""Let an agent have others work for it: those that it was allowed, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Final

import pykka

from beamlens.domain.ids import new_id, new_trace_id
from beamlens.legion.content import content_of
from beamlens.legion.messages import AgentConfig, Await, Message, StartAgent, StopAgent
from beamlens.legion.results import Cancelled, Ok, Result
from beamlens.legion.tools.function import ToolError
from beamlens.legion.tools.office import Office, current_office
from supervision import Ref, ReplyFuture, RequestError, StartError, SupervisionError

__all__ = ["AgentTool"]

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0
_LIVES: Final = 3
_DEEPEST: Final = 4  # an agent that may start its own kind would else start them without end


class AgentTool:
    """Have other agents work. Each is named by its class' name; `start` gives an id that stands for one that stays.

    An agent allows them by `tool_config(AgentTool)`: `{"agents": [Researcher, Writer]}`. A result is a table with
    `status` (`ok` or `cancel`) and `value` or `reason`.
    """

    waits_for_others: ClassVar[bool] = True

    def __init__(self, agents: Any = ()) -> None:
        from beamlens.legion.definition import address_of

        self._allowed = {agent.__name__: address_of(agent) for agent in agents}
        self._roles = {agent.__name__: agent.role().partition("\n")[0] for agent in agents}

    def agents(self) -> dict[str, str]:
        """Return the agents there are, and what each is for."""
        return dict(self._roles)

    def call(self, agent: str, task: str) -> dict[str, Any]:
        """Have an agent solve a task and wait for the result: one by its name, or one that was started, by its id."""
        here = current_office()
        started = here.sub_agents.get(agent)
        if started is not None:
            return _told(_wait(here, started[0], _message(task)))
        self._check([agent])
        return _told(_run(here, [(self._allowed[agent], task)])[0])

    def parallel(self, tasks: list[list[str]]) -> list[dict[str, Any]]:
        """Have several agents work at the same time: {{"Name", "task"}, ...}; returns the results in that order."""
        pairs = _pairs(tasks)
        self._check([agent for agent, _ in pairs])
        return [_told(each) for each in _run(current_office(), [(self._allowed[a], task) for a, task in pairs])]

    def pipeline(self, tasks: list[list[str]]) -> dict[str, Any]:
        """Have agents work one after another, {{"Name", "task"}, ...}; each is also told what the one before gave."""
        pairs = _pairs(tasks)
        self._check([agent for agent, _ in pairs])
        result: Result = Ok(None)
        for number, (agent, task) in enumerate(pairs):
            told = task if number == 0 else f"{task}\n\nThe step before gave:\n{result.value}"
            (result,) = _run(current_office(), [(self._allowed[agent], told)])
            if isinstance(result, Cancelled):
                break
        return _told(result)

    def start(self, agent: str) -> str:
        """Start an agent that stays, and return its id; it ends with this one."""
        self._check([agent])
        here = current_office()
        agent_id, ref = _start(here, self._allowed[agent])
        here.sub_agents[agent_id] = (ref, self._allowed[agent])
        return agent_id

    def cast(self, agent_id: str, task: str) -> bool:
        """Tell an agent that was started a task, and do not wait."""
        ref, _ = self._own(agent_id)
        ref.tell(_message(task, nobody_waits=True))
        return True

    def stop(self, agent_id: str) -> bool:
        """End an agent that was started."""
        self._own(agent_id)
        here = current_office()
        del here.sub_agents[agent_id]
        here.ask_host(StopAgent(agent_id), _STOP_SECONDS)
        return True

    def _own(self, agent_id: str) -> tuple[Ref, str]:
        found = current_office().sub_agents.get(agent_id)
        if found is None:
            raise ToolError(f"there is no agent {agent_id[:60]!r} that this one started; start one first")
        return found

    def _check(self, agents: list[str]) -> None:
        """Refuse before anything is started."""
        for agent in agents:
            if agent not in self._allowed:
                names = ", ".join(self._allowed) or "none"
                raise ToolError(f"the agent {agent[:60]!r} is not allowed; these are: {names}")


def _pairs(tasks: list[list[str]]) -> list[tuple[str, str]]:
    for each in tasks:
        if len(each) != 2:
            raise ToolError('tasks are pairs: {{"Name", "task"}, ...}')
    return [(agent, task) for agent, task in tasks]


def _message(task: str, *, nobody_waits: bool = False) -> Message:
    # What the sub-agent may be told is cut by its own limit when its turn begins.
    return Message(new_id(), content_of(task, float("inf")), None, nobody_waits)


def _run(here: Office, tasks: list[tuple[str, str]]) -> list[Result]:
    """Have fresh agents solve tasks at the same time; they end with it."""
    if len(here.sub_agents) + len(tasks) > here.max_sub_agents:
        raise ToolError(f"at most {here.max_sub_agents} agents may work for this one at a time; max_sub_agents says so")
    begun: list[tuple[str, Ref, Message, ReplyFuture]] = []
    try:
        for address, task in tasks:
            agent_id, ref = _start(here, address)
            message = _message(task)
            begun.append((agent_id, ref, message, ref.ask(message, block=False)))
        return [_wait(here, ref, message, future) for _, ref, message, future in begun]
    finally:
        for agent_id, _, _, _ in begun:
            _quietly(partial(here.ask_host, StopAgent(agent_id), _STOP_SECONDS))


def _start(here: Office, address: str) -> tuple[str, Ref]:
    for ended in [agent_id for agent_id, (ref, _) in here.sub_agents.items() if not ref.is_alive()]:
        del here.sub_agents[ended]  # it ended itself, being idle
    if len(here.sub_agents) >= here.max_sub_agents:
        raise ToolError(f"there are {len(here.sub_agents)} agents already; stop one first")
    mine = here.config
    if mine.depth >= _DEEPEST:
        raise ToolError(f"there are {_DEEPEST} agents above this one already; it has to do the work itself")
    agent_id = new_trace_id()
    inherited = {key: value for key, value in mine.options.items() if key == "rate_limit"}
    config = AgentConfig(
        agent=address,
        agent_id=agent_id,
        tree=mine.tree,
        services=mine.services,
        parent_id=mine.agent_id,
        parent=here.ref,
        depth=mine.depth + 1,
        defaults={**mine.defaults, **inherited},
        vault=mine.vault,
        secrets=mine.secrets,
        model=mine.model,
        prices=mine.prices,
        allow_reduced_sandbox=mine.allow_reduced_sandbox,
    )
    try:
        return agent_id, here.ask_host(StartAgent(config), _START_SECONDS)
    except (StartError, RequestError, SupervisionError, TimeoutError) as error:
        why = str(error).partition("\n")[0]  # what follows is a traceback, for people
        raise ToolError(f"the agent could not be started: {why}") from error


def _wait(here: Office, ref: Ref, message: Message, future: ReplyFuture | None = None) -> Result:
    """Wait for a turn of a sub-agent, over the deaths of its process."""
    future = future or ref.ask(message, block=False)
    for _ in range(_LIVES):
        try:
            found = here.wait(future)
        except pykka.ActorDeadError:
            if not ref.is_alive():
                break
            found = here.wait(ref.ask(Await(message.call_id), block=False))
        if isinstance(found, Ok | Cancelled):
            return found
        future = ref.ask(message, block=False)
    return Cancelled("gone", "the agent's process died")


def _told(result: Result) -> dict[str, Any]:
    if isinstance(result, Ok):
        return {"status": "ok", "value": result.value}
    return {"status": "cancel", "reason": result.reason, "detail": result.detail}


def _quietly(function: Callable[[], object]) -> None:
    try:
        function()
    except (ToolError, SupervisionError, pykka.ActorDeadError, TimeoutError):
        return  # it ends with this agent at the latest
