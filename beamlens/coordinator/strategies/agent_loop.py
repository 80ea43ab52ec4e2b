"""The default strategy: the model chooses a tool at each step."""

from __future__ import annotations

from beamlens.agent.loop import Ended
from beamlens.coordinator.session import Session

__all__ = ["AgentLoopStrategy"]


class AgentLoopStrategy:
    """Let the model lead."""

    def run(self, session: Session) -> Ended:
        """Run the loop; when its steps are used up, still wait for the operators that work."""
        ended = session.loop()
        if ended.ending != "max_iterations":
            return ended
        session.events.tell("max_iterations_reached", {"iteration": session.role.progress.loop.iteration})
        session.wait_for_operators()
        return ended
