"""The faults of the shop: what each really is, and what an explanation must say to have found it. Data only.

Nothing here is known to the program that is looked at; the judge compares afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["FAULTS", "Fault", "fault_named"]


@dataclass(frozen=True, slots=True)
class Fault:
    """Describe one.

    Args:
        name: of the switch in the shop.
        title: for people.
        truth: what it really is.
        cause: the cause, by its key in the table of causes.
        named: what a true explanation names, one of these texts: a place in the code, a container, a lock.
        operator: who is killed in the middle of it: the one with the most to lose.
        brewing: seconds that the fault works before somebody complains.
    """

    name: str
    title: str
    truth: str
    cause: str
    named: tuple[str, ...]
    operator: str
    brewing: float = 8.0


FAULTS: Final = (
    Fault(
        "cache",
        "a cache that grows without bound",
        "the cache of product pages lost its bound, and its keys contain the visitor (`pages` in shop/catalogue.py)",
        "cache_growth",
        ("catalogue.pages",),
        "vm",
        12.0,
    ),
    Fault(
        "lock",
        "a lock held across I/O",
        "the stock's lock is held while the payment service is asked (Stock.sell in shop/stock.py)",
        "lock_over_io",
        ("stock.Stock: self._lock", "shop/stock.py"),
        "vm",
    ),
    Fault(
        "loop",
        "an event loop blocked by a synchronous call",
        "the carrier is asked with a blocking socket on the event loop (Shipping.quote, through Partner.ask)",
        "loop_blocked",
        ("shop/partners.py", "shop/shipping.py"),
        "vm",
    ),
    Fault(
        "threads",
        "threads that leak",
        "each order starts a thread that follows its parcel and never ends (Tracker.follow in shop/tracking.py)",
        "thread_leak",
        ("shop/tracking.py",),
        "vm",
        12.0,
    ),
    Fault(
        "exceptions",
        "an exception storm",
        "the table of campaigns has no entry for products without one: a KeyError (Prices.of in shop/pricing.py)",
        "exception_storm",
        ("shop/pricing.py",),
        "exception",
    ),
    Fault(
        "descriptors",
        "descriptors that leak",
        "each order's invoice is opened and never closed (Invoices.write in shop/invoices.py)",
        "fd_leak",
        ("invoices",),
        "ports",
        12.0,
    ),
    Fault(
        "query",
        "a slow query",
        "search reads all reviews for each product, since no index fits (Catalogue.search in shop/catalogue.py)",
        "slow_query",
        ("shop/catalogue.py", "from reviews"),
        "sql",
    ),
)


def fault_named(name: str) -> Fault:
    """Return the fault of this name.

    Raises:
        LookupError: there is none; the text lists those there are.
    """
    for fault in FAULTS:
        if fault.name == name:
            return fault
    raise LookupError(f"there is no fault {name!r}; there are: {', '.join(fault.name for fault in FAULTS)}")
