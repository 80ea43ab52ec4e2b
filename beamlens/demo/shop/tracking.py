"""Where ordered parcels are: the carrier is asked now and then."""

from __future__ import annotations

import queue
import threading
from typing import Final

from beamlens.demo.shop.switches import Switches

__all__ = ["Tracker"]

_ASK_SECONDS: Final = 5.0


class Tracker:
    """Follow parcels on one thread. `follow` from any."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._closing = threading.Event()
        self._orders: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._followed = 0
        self._worker = threading.Thread(target=self._follow_all, name="parcels", daemon=True)
        self._worker.start()

    def follow(self, order: int) -> None:
        """Follow the parcel of an order."""
        if self._switches.threads:
            threading.Thread(target=self._follow_one, args=(order,), name=f"parcel-{order}", daemon=True).start()
        else:
            self._orders.put(order)

    def close(self) -> None:
        """Follow no more."""
        self._closing.set()
        self._orders.put(0)
        self._worker.join(10.0)

    def _follow_all(self) -> None:
        while not self._closing.is_set():
            self._followed += self._orders.get() > 0

    def _follow_one(self, order: int) -> None:
        while not self._delivered(order) and not self._closing.wait(_ASK_SECONDS):
            pass

    @staticmethod
    def _delivered(order: int) -> bool:
        return order <= 0  # parcels take days, this program lives for minutes
