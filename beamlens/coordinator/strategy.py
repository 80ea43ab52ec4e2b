"""What a strategy of the coordinator is: one method."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final, Protocol

from beamlens.agent.loop import Ended
from beamlens.errors import ConfigurationError

if TYPE_CHECKING:
    from beamlens.coordinator.session import Session

__all__ = ["Strategy", "check_strategy", "load_strategy"]

_KNOWN: Final = {
    "agent_loop": "beamlens.coordinator.strategies.agent_loop:AgentLoopStrategy",
    "pipeline": "beamlens.coordinator.strategies.pipeline:PipelineStrategy",
}


class Strategy(Protocol):
    """Lead one run of the coordinator to its end. Made anew, without arguments, for each run."""

    def run(self, session: Session) -> Ended:
        """Return how the run ended; what it came to stands in `session.role.progress`.

        The run's thread. Everything of the session that waits ends when the run is cancelled or its time is over, by
        raising `Interrupted`, which is to be let through.
        """
        ...


def check_strategy(name: str) -> None:
    """Check that there is such a strategy; a user's own is imported.

    Raises:
        ConfigurationError: there is none.
    """
    if name not in _KNOWN:
        load_strategy(name)


def load_strategy(name: str) -> Strategy:
    """Return a new strategy by its name, or `module:Class` for one of a user's own.

    Raises:
        ConfigurationError: there is none.
    """
    if not isinstance(name, str):
        raise ConfigurationError(f"strategy is {name!r}; {', '.join(_KNOWN)} or 'module:Class' is expected")
    module, _, attribute = _KNOWN.get(name, name).partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute) if attribute else None
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"strategy {name!r} cannot be imported: {error}") from error
    if found is None or not callable(getattr(found, "run", None)):
        raise ConfigurationError(
            f"there is no strategy {name!r}; {', '.join(_KNOWN)} or 'module:Class' with a run(session) is expected"
        )
    made: Strategy = found()
    return made
