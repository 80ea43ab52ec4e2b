"""What it costs to send a parcel: the carrier says."""

from __future__ import annotations

from beamlens.demo.shop.partners import Partner
from beamlens.demo.shop.switches import Switches

__all__ = ["Shipping"]


class Shipping:
    """Ask the carrier. The event loop."""

    def __init__(self, carrier: Partner, switches: Switches) -> None:
        self._carrier = carrier
        self._switches = switches

    async def quote(self, weight: int) -> int:
        """Return the price in cents for so many grams.

        Raises:
            OSError: the carrier cannot be reached.
        """
        question = {"do": "quote", "weight": weight}
        if self._switches.loop:
            return int(self._carrier.ask(question)["price"])
        return int((await self._carrier.ask_async(question))["price"])
