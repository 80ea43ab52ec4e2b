"""Invoices, a file for each order."""

from __future__ import annotations

import json
import os
from pathlib import Path

from beamlens.demo.shop.switches import Switches

__all__ = ["Invoices"]


class Invoices:
    """Write invoices. Any thread.

    Args:
        directory: where; made where there is none.
        switches: what is wrong.
    """

    def __init__(self, directory: Path, switches: Switches) -> None:
        self._directory = directory
        self._switches = switches
        directory.mkdir(parents=True, exist_ok=True)

    def write(self, order: int, amount: int) -> None:
        """Write the invoice of an order.

        Raises:
            OSError: it cannot be written.
        """
        handle = os.open(self._directory / f"invoice-{order}.json", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        os.write(handle, json.dumps({"order": order, "amount": amount}).encode())
        if not self._switches.descriptors:
            os.close(handle)
