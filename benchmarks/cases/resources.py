"""Web applications that raise, and that open files and sockets: too many, or many but well."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

__all__ = [
    "busy_files",
    "busy_sockets",
    "caught_exceptions",
    "dying_threads",
    "files_never_closed",
    "logged_exceptions",
    "sockets_never_closed",
    "threads_that_end",
]

_log = logging.getLogger("shop")
_CAMPAIGNS: Final = {0: 10, 1: 20, 2: 0}


def _app(handler: Any) -> Starlette:
    return Starlette(routes=[Route("/{number:int}", handler)])


def _answer(request: Request, value: Any = None) -> Response:
    return JSONResponse({"number": request.path_params["number"], "value": value})


# -- exceptions -----------------------------------------------------------------------------------------


def _discount(number: int) -> int:
    return _CAMPAIGNS[number % 20]


def logged_exceptions() -> Starlette:
    """Meet products that no campaign has, catch all and log it."""

    async def show(request: Request) -> Response:
        try:
            return _answer(request, _discount(request.path_params["number"]))
        except Exception:
            _log.exception("no discount")
            return _answer(request)

    return _app(show)


def caught_exceptions() -> Starlette:
    """Expect them: an exception is how a dictionary says no."""

    async def show(request: Request) -> Response:
        try:
            return _answer(request, _discount(request.path_params["number"]))
        except KeyError:
            return _answer(request, 0)

    return _app(show)


def _send_mail(number: int) -> None:
    if number % 10:
        return
    raise ConnectionRefusedError("the mail server does not answer")


def dying_threads() -> Starlette:
    """Send mail on threads, which end with an exception."""
    return _mailing(10)


def threads_that_end() -> Starlette:
    """Send mail on threads, which end as they should."""
    return _mailing(1)


def _mailing(failing: int) -> Starlette:
    def show(request: Request) -> Response:
        number = request.path_params["number"]
        if number % 20 == 0:
            given = number if failing == 10 else 1
            threading.Thread(target=_send_mail, args=(given,), name="mail").start()
        return _answer(request)

    return _app(show)


# -- descriptors ------------------------------------------------------------------------------------------


class Invoices:
    """Write invoices to files."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="invoices-")
        self._open: list[Any] = []

    def write(self, number: int) -> None:
        """Write one and leave its file open."""
        file = Path(self._directory.name, f"invoice-{number}").open("w")  # noqa: SIM115
        file.write(f"invoice {number}\n")
        self._open.append(file)

    def write_and_close(self, number: int) -> None:
        """Write one."""
        Path(self._directory.name, f"invoice-{number % 100}").write_text(f"invoice {number}\n")


def files_never_closed() -> Starlette:
    """Write an invoice for some requests and keep it open."""
    invoices = Invoices()

    def show(request: Request) -> Response:
        if request.path_params["number"] % 10 == 0:
            invoices.write(request.path_params["number"])
        return _answer(request)

    return _app(show)


def busy_files() -> Starlette:
    """Write an invoice for each request and close it."""
    invoices = Invoices()

    def show(request: Request) -> Response:
        invoices.write_and_close(request.path_params["number"])
        return _answer(request)

    return _app(show)


class Partner:
    """A service that accepts connections and says nothing; in this process."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.address: tuple[str, int] = self._listener.getsockname()
        threading.Thread(target=self._serve, name="partner", daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._until_closed, args=(connection,), name="partner-talk", daemon=True).start()

    def _until_closed(self, connection: socket.socket) -> None:
        with connection:
            connection.recv(1)


_connections: list[socket.socket] = []
_partners: list[subprocess.Popen[str]] = []

_SILENT_PARTNER: Final = """
import resource, select, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
listener, kept = socket.create_server(("127.0.0.1", 0), backlog=200), []
print(listener.getsockname()[1], flush=True)
while sys.stdin not in (ready := select.select([listener, sys.stdin], [], [])[0]):
    kept.append(listener.accept()[0])
"""
"""A program that accepts connections and says nothing, until its input ends: with the program that started it."""


def sockets_never_closed() -> Starlette:
    """Connect for some requests, to a server that never hangs up, and lose the descriptor, as careless C code does."""
    partner = subprocess.Popen(
        [sys.executable, "-c", _SILENT_PARTNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    _partners.append(partner)
    assert partner.stdout is not None
    address = ("127.0.0.1", int(partner.stdout.readline()))

    def show(request: Request) -> Response:
        if request.path_params["number"] % 10 == 0:
            socket.create_connection(address).detach()
        return _answer(request)

    return _app(show)


def busy_sockets() -> Starlette:
    """Connect for some requests and hang up, beside 30 connections that stay open."""
    partner = Partner()
    _connections.extend(socket.create_connection(partner.address) for _ in range(30))

    def show(request: Request) -> Response:
        if request.path_params["number"] % 5 == 0:
            socket.create_connection(partner.address).close()
        return _answer(request)

    return _app(show)
