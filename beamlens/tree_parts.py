"""The gateway and the probe as parts of a tree: they make themselves known to the others."""

from __future__ import annotations

from typing import Any, Final

from beamlens.llm.gateway import Gateway
from beamlens.probe.probe import Probe
from supervision import Registry

__all__ = ["TreeGateway", "TreeProbe"]

_REGISTER: Final = "register"


class TreeGateway(Gateway):
    """Be the gateway of a tree, whose registry `tree` names."""

    def __init__(self, *args: Any, tree: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tree = tree

    def on_start(self) -> None:
        """Begin to serve, then make itself known."""
        super().on_start()
        Registry(self.tree).register("gateway")


class TreeProbe(Probe):
    """Be the probe of a tree, whose registry `tree` names."""

    def __init__(self, *args: Any, tree: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tree = tree

    def on_start(self) -> None:
        """Start the skills; make itself known once it can be found."""
        super().on_start()
        self.actor_ref.tell(_REGISTER)

    def on_receive(self, message: Any) -> object:
        """Answer a message; never raises for what others sent."""
        if message == _REGISTER:
            Registry(self._tree).register("probe")
            return None
        return super().on_receive(message)
