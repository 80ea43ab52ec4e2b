"""What is in stock, and taking from it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from beamlens.demo.shop.database import Database
from beamlens.demo.shop.switches import Switches

__all__ = ["Stock"]

T = TypeVar("T")


class Stock:
    """Keep what can be sold. Any thread."""

    def __init__(self, database: Database, switches: Switches) -> None:
        self._database = database
        self._switches = switches
        self._lock = threading.Lock()

    def sell(self, product: int, pay: Callable[[], T]) -> T:
        """Take one piece once it is paid for; return what `pay` returned.

        Args:
            product: its number.
            pay: has the customer pay; takes a while.
        """
        if self._switches.lock:
            with self._lock:
                paid = pay()
                self._take(product)
            return paid
        paid = pay()
        with self._lock:
            self._take(product)
        return paid

    def _take(self, product: int) -> None:
        self._database.change("UPDATE products SET stock = stock - 1 WHERE id = ?", product)
