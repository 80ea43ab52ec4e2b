"""Have no epoll, as on other systems."""

from supervision.process import loop, poller

loop.make_poller = poller.SelectorPoller  # type: ignore[attr-defined]
