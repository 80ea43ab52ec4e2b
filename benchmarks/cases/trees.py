"""Web applications with supervised actors and worker processes: such that die again and again, and such that work."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import multiprocessing
import os
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.cases.mailers import Mailer, Printer
from supervision import ChildSpec, Supervisor

__all__ = [
    "busy_actors",
    "busy_process_pool",
    "commands_never_waited_for",
    "commands_waited_for",
    "mail_that_cannot_be_sent",
    "pool_of_a_dead_worker",
    "workers_that_cannot_begin",
    "workers_that_take_turns",
]

_log = logging.getLogger("shop.workers")
_SPAWN: Final = multiprocessing.get_context("spawn")  # a program with threads must not fork
_PAUSE: Final = 0.5


def _app(handler: Any) -> Starlette:
    return Starlette(routes=[Route("/{number:int}", handler)])


def _answer(request: Request, value: Any = None, status: int = 200) -> Response:
    return JSONResponse({"number": request.path_params["number"], "value": value}, status)


# -- actors ----------------------------------------------------------------------------------------------


def mail_that_cannot_be_sent() -> Starlette:
    """Restart a mailer as often as it dies of the same address, since somebody wanted it to be up at any price."""
    outbox = [b"ann@shop", b"bob@shop", b"ren\xe9@shop"]
    tree = Supervisor.start([ChildSpec(id="mailer", start=(Mailer, (outbox,)))], name="shop", intensity=10_000)

    async def show(request: Request) -> Response:
        if request.path_params["number"] % 50 == 0:
            tree["mailer"].tell("send")
        return _answer(request)

    return _app(show)


def busy_actors() -> Starlette:
    """Ask actors, one of which ends in order after some work and is started anew."""
    children = [
        ChildSpec(id="mailer", start=(Mailer, ([b"ann@shop", b"bob@shop"],))),
        ChildSpec(id="printer", start=(Printer, (40,))),
    ]
    tree = Supervisor.start(children, name="shop", intensity=10_000)

    async def show(request: Request) -> Response:
        if request.path_params["number"] % 4 == 0:
            tree["mailer"].tell("send")
        if request.path_params["number"] % 20 == 0:
            tree["printer"].tell("print")
        return _answer(request)

    return _app(show)


# -- pools of processes ----------------------------------------------------------------------------------


def _resized(number: int) -> int:
    """Resize a picture with a native library, which a certain picture makes read where nothing is."""
    if number == 1500:
        ctypes.string_at(0)
    return sum(each * each for each in range(20_000)) + number


def pool_of_a_dead_worker() -> Starlette:
    """Go on with a pool whose worker died within a native library."""
    return _resizing(ProcessPoolExecutor(2, mp_context=_SPAWN), 1500)


def busy_process_pool() -> Starlette:
    """Do the same with other pictures; workers are renewed after some work."""
    return _resizing(ProcessPoolExecutor(2, mp_context=_SPAWN, max_tasks_per_child=100), 0)


def _resizing(pool: ProcessPoolExecutor, bad: int) -> Starlette:
    async def show(request: Request) -> Response:
        number = request.path_params["number"]
        if number % 10:
            return _answer(request)
        try:
            done = await asyncio.get_running_loop().run_in_executor(pool, _resized, number if number == bad else 1)
        except BrokenProcessPool:
            return _answer(request, status=500)
        return _answer(request, done)

    return _app(show)


# -- workers ---------------------------------------------------------------------------------------------


def _import_orders() -> None:
    """Be a worker that needs what its environment no longer has."""
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for what it prints at its end
    raise KeyError("SHOP_BROKER")


def _count_orders() -> None:
    """Be a worker that does its work and ends."""
    time.sleep(2.0)


def workers_that_cannot_begin() -> Starlette:
    """Start a worker anew whenever it ended, which it does at once."""
    return _with_workers(_import_orders)


def workers_that_take_turns() -> Starlette:
    """Start the next worker when one has done its part."""
    return _with_workers(_count_orders)


def _with_workers(work: Any) -> Starlette:
    def manage() -> None:
        while True:
            worker = _SPAWN.Process(target=work, name="orders", daemon=True)
            worker.start()
            worker.join()
            _log.info("worker ended with %s", worker.exitcode)
            time.sleep(_PAUSE)

    threading.Thread(target=manage, name="manager", daemon=True).start()

    async def show(request: Request) -> Response:
        return _answer(request)

    return _app(show)


# -- commands --------------------------------------------------------------------------------------------

_COMMAND: Final = ("/bin/sh", "-c", "exit 0")


def commands_never_waited_for() -> Starlette:
    """Start a command for some requests and never ask how it ended."""

    async def show(request: Request) -> Response:
        if request.path_params["number"] % 20 == 0:
            os.posix_spawn(_COMMAND[0], _COMMAND, os.environ)
        return _answer(request)

    return _app(show)


def commands_waited_for() -> Starlette:
    """Start a command for some requests and wait for it."""

    async def show(request: Request) -> Response:
        if request.path_params["number"] % 20:
            return _answer(request)
        command = await asyncio.create_subprocess_exec(*_COMMAND)
        return _answer(request, await command.wait())

    return _app(show)
