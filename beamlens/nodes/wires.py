"""The thread that reads the connections of a member: it takes connections in, and hands on what comes."""

from __future__ import annotations

import logging
import os
import selectors
import socket
import weakref
from collections.abc import Callable
from typing import Any, Final

from beamlens.nodes.link import Link, LinkLost

__all__ = ["Wires"]

logger = logging.getLogger("beamlens.nodes")
_PAUSE: Final = 0.1  # seconds without descriptors to spare
_all: weakref.WeakSet[Wires] = weakref.WeakSet()


class Wires:
    """Read links until `stop`. `run` is the reading thread; `stop` is called by any.

    Args:
        heard: is called with a link and each message on it; must not wait.
        ended: is called with a link that has ended.
        listening: where connections are taken in, if anywhere.
        admit: makes a link of a connection; None refuses it.
    """

    def __init__(
        self,
        heard: Callable[[Link, Any], None],
        ended: Callable[[Link], None],
        listening: socket.socket | None = None,
        admit: Callable[[socket.socket], Link | None] | None = None,
    ) -> None:
        self._heard = heard
        self._ended = ended
        self._listening = listening
        self._admit = admit
        self._links: set[Link] = set()
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._stopped = False
        if listening is not None:
            self._selector.register(listening, selectors.EVENT_READ)
        _all.add(self)

    def add(self, link: Link) -> None:
        """Read this link, too. The reading thread, or before it runs."""
        self._links.add(link)
        self._selector.register(link.connection, selectors.EVENT_READ, link)

    def run(self, look: Callable[[], float | None] | None = None) -> None:
        """Read until `stop`, or until there is nothing left to read; then close all links.

        Args:
            look: is called before each wait; returns how many seconds that may last at most.
        """
        try:
            while not self._stopped and (self._links or self._listening is not None):
                for key, _ in self._selector.select(None if look is None else look()):
                    self._serve(key)
        finally:
            self._close()

    def stop(self) -> None:
        """End `run` soon. Any thread, more than once."""
        self._stopped = True
        try:
            self._wake.send(b"!")
        except OSError:
            return  # it has ended already

    def drop(self, link: Link) -> None:
        """End a link. The reading thread."""
        if link not in self._links:
            return
        self._links.discard(link)
        self._selector.unregister(link.connection)
        link.release()
        self._ended(link)

    def _serve(self, key: selectors.SelectorKey) -> None:
        if key.fileobj is self._listening:
            self._accept()
        elif isinstance(key.data, Link):
            self._read(key.data)

    def _accept(self) -> None:
        assert self._listening is not None
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, ConnectionAbortedError, InterruptedError):
            return
        except OSError as error:
            logger.warning("a node cannot be taken in: %s", error)
            self._selector.select(_PAUSE)  # it would be tried again at once, and fail as before
            return
        link = None
        try:
            link = self._admit(connection) if self._admit is not None else None
        except Exception:
            logger.exception("a connection could not be taken in")
        if link is None:
            connection.close()
        else:
            self.add(link)

    def _read(self, link: Link) -> None:
        if link not in self._links:
            return  # dropped in this very turn
        try:
            for message in link.read():
                self._heard(link, message)
        except LinkLost:
            self.drop(link)
        except Exception:
            # One link's fault must not end the others.
            logger.exception("a message of another process could not be handled; its connection is closed")
            self.drop(link)

    def _close(self) -> None:
        for link in list(self._links):
            self.drop(link)
        self._selector.close()
        for each in (self._woken, self._wake):
            each.close()

    def discard(self) -> None:
        """Close, in a forked copy, what belongs to the original; its links do so themselves."""
        for each in (self._woken, self._wake, self._listening):
            if each is not None:
                each.close()
        self._selector.close()


def _in_forked_copy() -> None:
    for wires in list(_all):
        wires.discard()
    _all.clear()


os.register_at_fork(after_in_child=_in_forked_copy)
