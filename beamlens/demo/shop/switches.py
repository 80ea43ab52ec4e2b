"""What can be made wrong with the shop while it runs; all off at its start."""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["Switches"]


@dataclass(slots=True)
class Switches:
    """Hold which mistakes are in force; each is one that somebody once made in a program like this.

    Read by all threads, written by whoever hurts the shop. Each attribute is the name of a fault.

    Args:
        cache: the pages' cache has lost its bound.
        lock: the stock's lock is held while the payment service is asked.
        loop: shipping costs are asked for with a blocking socket, on the event loop.
        threads: each order starts a thread that follows its parcel, and never ends.
        exceptions: the table of campaigns has no entry for products without one.
        descriptors: invoices are opened and never closed.
        query: search ranks by reviews in a way that no index helps.
    """

    cache: bool = False
    lock: bool = False
    loop: bool = False
    threads: bool = False
    exceptions: bool = False
    descriptors: bool = False
    query: bool = False

    def set(self, name: str, on: bool) -> None:
        """Switch one on or off.

        Raises:
            ValueError: there is no such switch.
        """
        names = [field.name for field in fields(self)]
        if name not in names:
            raise ValueError(f"there is no fault {name!r}; there are: {', '.join(names)}")
        setattr(self, name, on)
