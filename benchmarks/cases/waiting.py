"""Web applications whose threads, tasks and locks go wrong, and such that use many of them well."""

from __future__ import annotations

import asyncio
import queue
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

__all__ = [
    "busy_lock",
    "busy_pool",
    "busy_tasks",
    "computing_handler",
    "lock_over_socket",
    "never_ending_tasks",
    "never_ending_threads",
    "ordered_locks",
    "sleeping_handler",
    "sleeping_in_threads",
    "two_locks_crossed",
    "working_in_threads",
]


def _app(handler: Any) -> Starlette:
    return Starlette(routes=[Route("/{number:int}", handler)])


def _answer(request: Request, value: Any = None) -> Response:
    return JSONResponse({"number": request.path_params["number"], "value": value})


# -- the event loop -------------------------------------------------------------------------------------


def _ask_carrier(seconds: float) -> str:
    """Wait for another service, as a client library without asyncio does."""
    time.sleep(seconds)
    return "5.90"


def _price(number: int) -> int:
    """Compute without a pause."""
    total = 0
    for each in range(4_000_000):
        total += each * number % 7
    return total


def sleeping_handler() -> Starlette:
    """Wait for another service on the event loop; one request in 40 needs it."""

    async def show(request: Request) -> Response:
        needed = request.path_params["number"] % 40 == 0
        return _answer(request, _ask_carrier(0.3) if needed else None)

    return _app(show)


def sleeping_in_threads() -> Starlette:
    """Wait for it in threads."""

    async def show(request: Request) -> Response:
        needed = request.path_params["number"] % 40 == 0
        return _answer(request, await asyncio.to_thread(_ask_carrier, 0.3) if needed else None)

    return _app(show)


def computing_handler() -> Starlette:
    """Compute on the event loop."""

    async def show(request: Request) -> Response:
        needed = request.path_params["number"] % 40 == 0
        return _answer(request, _price(request.path_params["number"]) if needed else None)

    return _app(show)


def working_in_threads() -> Starlette:
    """Compute a little in threads, whose results are awaited."""

    async def show(request: Request) -> Response:
        number = request.path_params["number"]
        needed = number % 40 == 0
        return _answer(request, await asyncio.to_thread(sum, range(20_000)) if needed else number)

    return _app(show)


# -- tasks ---------------------------------------------------------------------------------------------

_feeds: set[asyncio.Task[None]] = set()


async def _follow(number: int, ended: asyncio.Event) -> None:
    await ended.wait()


async def _refresh(number: int) -> None:
    await asyncio.sleep(0.2)


def never_ending_tasks() -> Starlette:
    """Start a task for each request that waits for what nobody sets."""

    async def show(request: Request) -> Response:
        number = request.path_params["number"]
        if number % 5 == 0:
            task = asyncio.get_running_loop().create_task(_follow(number, asyncio.Event()))
            _feeds.add(task)
            task.add_done_callback(_feeds.discard)
        return _answer(request, len(_feeds))

    return _app(show)


def busy_tasks() -> Starlette:
    """Start two tasks for each request, which end."""

    async def show(request: Request) -> Response:
        for _ in range(2):
            task = asyncio.get_running_loop().create_task(_refresh(request.path_params["number"]))
            _feeds.add(task)
            task.add_done_callback(_feeds.discard)
        return _answer(request, len(_feeds))

    return _app(show)


# -- threads -------------------------------------------------------------------------------------------


def _track(number: int, ended: threading.Event) -> None:
    ended.wait()


def never_ending_threads() -> Starlette:
    """Start a thread for some requests that follows a parcel for ever."""

    def show(request: Request) -> Response:
        number = request.path_params["number"]
        if number % 20 == 0:
            threading.Thread(
                target=_track, args=(number, threading.Event()), name=f"parcel-{number % 10}", daemon=True
            ).start()
        return _answer(request)

    return _app(show)


def busy_pool() -> Starlette:
    """Have a pool of 60 threads work, which it starts one after the other as work comes."""
    pool = ThreadPoolExecutor(60, thread_name_prefix="worker")

    def show(request: Request) -> Response:
        for _ in range(3):
            pool.submit(time.sleep, 0.15)
        return _answer(request)

    return _app(show)


# -- locks ---------------------------------------------------------------------------------------------


class Stock:
    """Sell from one stock under one lock."""

    def __init__(self, payment: tuple[str, int]) -> None:
        self._lock = threading.Lock()
        self._payment = payment
        self._sold = 0

    def sell_with_lock_held(self) -> int:
        """Have the payment service asked while nobody else can sell."""
        with self._lock:
            self._charge()
            self._sold += 1
            return self._sold

    def sell(self) -> int:
        """Have it asked first."""
        self._charge()
        with self._lock:
            self._sold += 1
            return self._sold

    def count(self) -> int:
        """Count under the lock, quickly."""
        with self._lock:
            self._sold += sum(range(50))
            return self._sold

    def _charge(self) -> None:
        with socket.create_connection(self._payment) as connection:
            connection.sendall(b"charge\n")
            connection.recv(100)


def _payment_service() -> tuple[str, int]:
    """Serve a payment service that takes 50 ms, on threads of this process; return its address."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)

    def answer(connection: socket.socket) -> None:
        with connection:
            connection.recv(100)
            time.sleep(0.05)
            connection.sendall(b"charged\n")

    def serve() -> None:
        with ThreadPoolExecutor(40, thread_name_prefix="payment") as pool:
            while True:
                pool.submit(answer, listener.accept()[0])

    threading.Thread(target=serve, name="payment", daemon=True).start()
    address: tuple[str, int] = listener.getsockname()
    return address


def lock_over_socket() -> Starlette:
    """Hold the stock's lock while the payment service is asked."""
    stock = Stock(_payment_service())

    def show(request: Request) -> Response:
        return _answer(request, stock.sell_with_lock_held() if request.path_params["number"] % 2 == 0 else None)

    return _app(show)


def busy_lock() -> Starlette:
    """Take the lock for microseconds, often, and ask the payment service outside of it."""
    stock = Stock(_payment_service())

    def show(request: Request) -> Response:
        for _ in range(20):
            stock.count()
        return _answer(request, stock.sell() if request.path_params["number"] % 10 == 0 else None)

    return _app(show)


class Accounts:
    """Move money between two accounts, each with a lock."""

    def __init__(self) -> None:
        self.savings = threading.Lock()
        self.giro = threading.Lock()

    def save(self) -> None:
        """Take giro, then savings."""
        with self.giro:
            time.sleep(0.001)
            with self.savings:
                pass

    def spend(self) -> None:
        """Take savings, then giro."""
        with self.savings:
            time.sleep(0.001)
            with self.giro:
                pass


def _movers(*moves: Any) -> None:
    """Have a thread for each kind of move do what is put into its queue."""
    for number, move in enumerate(moves):

        def work(move: Any = move) -> None:
            while True:
                time.sleep(0.005)
                move()

        threading.Thread(target=work, name=f"mover-{number}", daemon=True).start()


def two_locks_crossed() -> Starlette:
    """Take two locks in two orders."""
    accounts = Accounts()
    _movers(accounts.save, accounts.spend)
    return _app(_quick)


def ordered_locks() -> Starlette:
    """Take two locks in one order, while other threads wait for work."""
    accounts = Accounts()
    _movers(accounts.save, accounts.save)
    idle: queue.Queue[None] = queue.Queue()
    for number in range(8):
        threading.Thread(target=idle.get, name=f"idle-{number}", daemon=True).start()
    return _app(_quick)


async def _quick(request: Request) -> Response:
    return _answer(request)
