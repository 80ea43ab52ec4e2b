"""A strategy of a user's own."""

from __future__ import annotations

from beamlens.agent.loop import Ended
from beamlens.coordinator.session import Session


class AskEverybody:
    """Send all operators out, wait, say how many findings there are."""

    def run(self, session: Session) -> Ended:
        """Lead the run."""
        if "asked" not in session.notes:
            session.role.invoke([member.name for member in session.role.members], {"reason": "everybody"})
            session.note("asked", True)
        session.wait_for_operators()
        return Ended("done", reason=f"{len(session.role.progress.inbox)} findings")


class Broken:
    """Raise."""

    def run(self, session: Session) -> Ended:
        """Raise."""
        raise ZeroDivisionError("a bug in a strategy")
