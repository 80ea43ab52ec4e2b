"""Legion as functions, on a tree of the program's own that is started when it is first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FuturesTimeout
from typing import Any

from beamlens.errors import ConfigurationError
from beamlens.legion.handle import AgentHandle
from beamlens.legion.legion import LegionTree
from beamlens.legion.results import Cancelled, Ok, Result

__all__ = [
    "aexecute",
    "default_tree",
    "execute",
    "parallel",
    "pipeline",
    "recover",
    "resume",
    "start",
    "start_agent",
    "stop",
    "then",
]

_lock = threading.RLock()
_tree: LegionTree | None = None


def start(**options: Any) -> LegionTree:
    """Start the program's tree of agents; see `LegionOptions`. Called implicitly, without options, when it is needed.

    Raises:
        ConfigurationError: what is wrong, or there is such a tree already.
    """
    global _tree
    from beamlens.legion.tree import Legion

    with _lock:
        if _tree is not None and _tree.is_alive():
            raise ConfigurationError("Legion was started already; legion.stop() ends it")
        _tree = Legion.start(**options)
        return _tree


def stop() -> None:
    """End the program's tree of agents, if there is one."""
    global _tree
    with _lock:
        tree, _tree = _tree, None
    if tree is not None:
        tree.stop()


def default_tree() -> LegionTree:
    """Return the program's tree of agents; it is started where it is not."""
    with _lock:
        return _tree if _tree is not None and _tree.is_alive() else start()


def execute(agent: Any, task: Any, **options: Any) -> Result:
    """Start an agent, have it solve a task, and end it; see `LegionTree.execute`."""
    return default_tree().execute(agent, task, **options)


async def aexecute(agent: Any, task: Any, **options: Any) -> Result:
    """Do as `execute`, from an event loop; cancelling the task cancels the turn and ends the agent."""
    import asyncio

    handle = await asyncio.to_thread(start_agent, agent, **options)
    try:
        return await handle.acall(task)
    finally:
        await asyncio.to_thread(handle.stop)


def start_agent(agent: Any, **options: Any) -> AgentHandle:
    """Start an agent that stays; see `LegionTree.start_agent`."""
    return default_tree().start_agent(agent, **options)


def resume(agent_id: str, **options: Any) -> AgentHandle:
    """Start an agent that is kept; see `LegionTree.resume`."""
    return default_tree().resume(agent_id, **options)


def recover() -> dict[str, Result]:
    """End turns that were left unfinished; see `LegionTree.recover`."""
    return default_tree().recover()


def parallel(
    tasks: Iterable[tuple[Any, Any]], *, timeout: float | None = None, tree: LegionTree | None = None, **options: Any
) -> Result:
    """Solve tasks at the same time.

    Args:
        tasks: (agent, task) pairs.
        timeout: seconds for all of them; then those that are on are cancelled.
        tree: where; None: the program's own.
        options: as `execute` takes them.

    Returns:
        `Ok` with the values in that order, or the first `Cancelled` in that order.

    Raises:
        TimeoutError: the time ran out.
    """
    pairs = list(tasks)
    here = tree or default_tree()
    if not pairs:
        return Ok([])
    with ThreadPoolExecutor(len(pairs), "legion-parallel") as pool:
        futures = [pool.submit(here.execute, agent, task, deadline=timeout, **options) for agent, task in pairs]
        results = [future.result() for future in futures]
    for result in results:
        if isinstance(result, Cancelled):
            if timeout is not None and result.reason == "deadline":
                raise FuturesTimeout(f"the tasks were not solved within {timeout:g} seconds")
            return result
    return Ok([result.value for result in results])


def pipeline(steps: Sequence[tuple[Any, Any]], *, tree: LegionTree | None = None, **options: Any) -> Result:
    """Solve tasks one after another.

    Args:
        steps: (agent, task) pairs; a task is a message, or a function of the value of the step before.
        tree: where; None: the program's own.
        options: as `execute` takes them.

    Returns:
        The last result; the first `Cancelled` ends the pipeline. `Ok(None)` where there are no steps.

    Raises:
        ConfigurationError: a step that is no pair; nothing was begun.
    """
    for step in steps:
        if not isinstance(step, tuple | list) or len(step) != 2:
            raise ConfigurationError(f"a step is {step!r}; (agent, task) or (agent, function) is expected")
    result: Result = Ok(None)
    for agent, task in steps:
        here = tree or default_tree()
        result = here.execute(agent, task(result.value) if callable(task) else task, **options)
        if isinstance(result, Cancelled):
            break
    return result


def then(previous: Result, agent: Any, task: Callable[[Any], Any], **options: Any) -> Result:
    """Go on with a result: `task` makes the next task of its value; a `Cancelled` is passed through."""
    if isinstance(previous, Cancelled):
        return previous
    return execute(agent, task(previous.value), **options)
