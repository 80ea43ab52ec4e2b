"""The shop's HTTP server: an event loop on a thread, kept by an actor of the supervision tree."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import Any, Final

import pykka

from beamlens.demo.shop.app import Shop
from beamlens.demo.shop.http import BadRequest, Response, read_request
from beamlens.demo.shop.switches import Switches

__all__ = ["WebServer"]

_START_SECONDS: Final = 10.0


class WebServer(pykka.ThreadingActor):
    """Serve the shop on a port of the loopback interface; asked for anything it tells the port.

    Args:
        directory, partners: of `Shop`.
        switches: what is wrong.
    """

    def __init__(self, directory: Path, partners: tuple[str, int], switches: Switches) -> None:
        super().__init__()
        self._made_of = (directory, partners, switches)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="shop-http", daemon=True)
        self._ready, self._stopping = threading.Event(), asyncio.Event()
        self._port = 0
        self._connections: set[asyncio.Task[Any]] = set()

    def on_start(self) -> None:
        """Begin to serve.

        Raises:
            RuntimeError: it does not come up.
        """
        self._thread.start()
        if not self._ready.wait(_START_SECONDS) or not self._port:
            raise RuntimeError("the shop's HTTP server did not start")

    def on_stop(self) -> None:
        """Serve no more; returns when the loop has ended."""
        with contextlib.suppress(RuntimeError):  # the loop ended by itself
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_START_SECONDS)

    def on_receive(self, _message: Any) -> int:
        """Tell the port."""
        return self._port

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        shop = Shop(*self._made_of)
        try:
            server = await asyncio.start_server(
                lambda reader, writer: self._converse(shop, reader, writer), "127.0.0.1"
            )
            self._port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stopping.wait()
            server.close()
            for task in list(self._connections):
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
        finally:
            await asyncio.to_thread(shop.close)
            await self._loop.shutdown_default_executor()

    async def _converse(self, shop: Shop, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):  # the customer left, or the shop closes
                await _answer_all(shop, reader, writer)
        finally:
            self._connections.discard(task)
            writer.close()


async def _answer_all(shop: Shop, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        try:
            request = await read_request(reader)
        except BadRequest as error:
            writer.write(Response.of({"error": str(error)}, 400).encode())
            await writer.drain()
            return
        if request is None:
            return
        writer.write((await shop.answer(request)).encode())
        await writer.drain()
        if not request.keep_alive:
            return
