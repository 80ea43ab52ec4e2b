"""What the loop waits on: epoll, or the standard library's selectors where there is none.

Only epoll may be changed by other threads while the loop waits on it; `concurrent` says so, and an
asking thread reads its own reply only where it holds.
"""

from __future__ import annotations

import select
import selectors
from typing import Protocol

__all__ = ["READ", "READ_ONCE", "WRITE", "EpollPoller", "Poller", "SelectorPoller", "make_poller"]

READ = 1
WRITE = 2
READ_ONCE = 4  # tell of it once, then not again until it is removed


class Poller(Protocol):
    """Wait for descriptors to become readable or writable."""

    concurrent: bool

    def add(self, fd: int, interest: int) -> None:
        """Begin to watch a descriptor."""

    def change(self, fd: int, interest: int) -> None:
        """Watch a descriptor for something else."""

    def remove(self, fd: int) -> None:
        """Cease to watch a descriptor; one that is not watched is ignored."""

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        """Return (descriptor, READ | WRITE) pairs; errors and hang-ups count as READ."""

    def fileno(self) -> int:
        """Return the descriptor of the poller itself; -1 where it has none."""

    def close(self) -> None:
        """Give back the descriptor of the poller itself."""


class EpollPoller:
    """Use epoll directly: `selectors` adds microseconds to each change."""

    concurrent = True

    def __init__(self) -> None:
        self._epoll = select.epoll()

    def add(self, fd: int, interest: int) -> None:
        """Begin to watch a descriptor."""
        try:
            self._epoll.register(fd, _EPOLL[interest])
        except FileExistsError:  # who added it was interrupted before it could say so
            self._epoll.modify(fd, _EPOLL[interest])

    def change(self, fd: int, interest: int) -> None:
        """Watch a descriptor for something else."""
        try:
            self._epoll.modify(fd, _EPOLL[interest])
        except FileNotFoundError:
            self._epoll.register(fd, _EPOLL[interest])

    def remove(self, fd: int) -> None:
        """Cease to watch a descriptor; one that is not watched is ignored."""
        try:
            self._epoll.unregister(fd)
        except (FileNotFoundError, ValueError, OSError):
            return

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        """Return (descriptor, READ | WRITE) pairs; errors and hang-ups count as READ."""
        ready = self._epoll.poll(-1 if timeout is None else timeout)
        return [
            (fd, (READ if mask & ~select.EPOLLOUT else 0) | (WRITE if mask & select.EPOLLOUT else 0))
            for fd, mask in ready
        ]

    def fileno(self) -> int:
        """Return the descriptor of the poller itself."""
        return self._epoll.fileno()

    def close(self) -> None:
        """Give back the descriptor of the poller itself."""
        self._epoll.close()


_EPOLL = {}
if hasattr(select, "epoll"):
    _EPOLL = {
        READ: select.EPOLLIN,
        WRITE: select.EPOLLOUT,
        READ | WRITE: select.EPOLLIN | select.EPOLLOUT,
        READ_ONCE: select.EPOLLIN | select.EPOLLONESHOT,
    }


class SelectorPoller:
    """Use the standard library's best selector (kqueue, poll)."""

    concurrent = False

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def add(self, fd: int, interest: int) -> None:
        """Begin to watch a descriptor."""
        self._selector.register(fd, _SELECTOR[interest], interest)

    def change(self, fd: int, interest: int) -> None:
        """Watch a descriptor for something else."""
        self._selector.modify(fd, _SELECTOR[interest], interest)

    def remove(self, fd: int) -> None:
        """Cease to watch a descriptor; one that is not watched is ignored."""
        try:
            self._selector.unregister(fd)
        except (KeyError, ValueError):
            return

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        """Return (descriptor, READ | WRITE) pairs; errors and hang-ups count as READ."""
        found = []
        for key, mask in self._selector.select(timeout):
            if key.data == READ_ONCE:
                self._selector.unregister(key.fd)
            readable, writable = mask & selectors.EVENT_READ, mask & selectors.EVENT_WRITE
            found.append((key.fd, (READ if readable else 0) | (WRITE if writable else 0)))
        return found

    def fileno(self) -> int:
        """Return the descriptor of the poller itself; -1 where it has none."""
        fileno = getattr(self._selector, "fileno", None)
        return fileno() if fileno is not None else -1

    def close(self) -> None:
        """Give back the descriptor of the poller itself."""
        self._selector.close()


_SELECTOR = {
    READ: selectors.EVENT_READ,
    WRITE: selectors.EVENT_WRITE,
    READ | WRITE: selectors.EVENT_READ | selectors.EVENT_WRITE,
    READ_ONCE: selectors.EVENT_READ,
}


def make_poller() -> Poller:
    """Return the quickest poller of this platform."""
    return EpollPoller() if hasattr(select, "epoll") else SelectorPoller()
