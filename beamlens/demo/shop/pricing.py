"""What a product costs within a campaign."""

from __future__ import annotations

from typing import Final

from beamlens.demo.shop.switches import Switches

__all__ = ["Prices"]

_DISCOUNTS: Final[dict[str | None, float]] = {"spring": 0.1, "clearance": 0.4}


class Prices:
    """Compute prices. Any thread."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches

    def of(self, price: int, campaign: str | None) -> int:
        """Return the price within a campaign, in cents."""
        if self._switches.exceptions:
            return round(price * (1.0 - _DISCOUNTS[campaign]))
        return round(price * (1.0 - _DISCOUNTS.get(campaign, 0.0)))
