"""Placing an order: pay, take from stock, write it down, invoice it, follow its parcel."""

from __future__ import annotations

from typing import Any

from beamlens.demo.shop.database import Database
from beamlens.demo.shop.invoices import Invoices
from beamlens.demo.shop.partners import Partner
from beamlens.demo.shop.stock import Stock
from beamlens.demo.shop.tracking import Tracker

__all__ = ["Orders"]


class Orders:
    """Take orders. Any thread."""

    def __init__(
        self, database: Database, stock: Stock, payments: Partner, invoices: Invoices, tracker: Tracker
    ) -> None:
        self._database = database
        self._stock = stock
        self._payments = payments
        self._invoices = invoices
        self._tracker = tracker

    def place(self, product: int, amount: int) -> dict[str, Any]:
        """Place an order and return its number and receipt.

        Args:
            product: its number.
            amount: the price in cents.

        Raises:
            OSError: the payment service cannot be reached, or the invoice not be written.
        """
        receipt = self._stock.sell(product, lambda: self._payments.ask({"do": "charge", "amount": amount})["receipt"])
        order = self._database.change(
            "INSERT INTO orders (product, amount, receipt) VALUES (?, ?, ?)", product, amount, receipt
        )
        self._invoices.write(order, amount)
        self._tracker.follow(order)
        return {"order": order, "receipt": receipt}
