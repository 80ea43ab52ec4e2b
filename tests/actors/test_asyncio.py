"""Asks from coroutines never stop the event loop, in the application and in an actor."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pykka
import pytest

from supervision import ActorDown, MessageError, RemoteError
from tests.actors.asking import ticking
from tests.actors.conftest import Starter
from tests.actors.helpers import SECONDS, reason_of

TICKS = 5


async def opened_after_ticks(question: Any, gate: Path) -> list[Any]:
    """Await an answer that comes only when the event loop has turned some times."""

    async def open_gate() -> None:
        for _ in range(TICKS):
            await asyncio.sleep(0.001)
        gate.touch()

    opener = asyncio.create_task(open_gate())
    answer: list[Any] = await ticking(question)
    await opener
    return answer


async def awaited(future: Any) -> Any:
    return await future


def ways(subject: Any, gate: Path) -> dict[str, Any]:
    message, proxy = ("wait_for", str(gate)), subject.proxy()
    return {
        "aask": lambda: subject.aask(message),
        "future": lambda: awaited(subject.ask(message, block=False)),
        "proxy": lambda: awaited(proxy.do_wait_for(str(gate))),
        "map": lambda: awaited(proxy.do_wait_for(str(gate)).map(str)),
        "join": lambda: awaited(proxy.do_wait_for(str(gate)).join(proxy.do_echo(1)).map(lambda both: both[0])),
    }


@pytest.mark.parametrize("way", ["aask", "future", "proxy", "map", "join"])
def test_awaiting_does_not_stop_the_event_loop(subject: Any, tmp_path: Path, way: str) -> None:
    gate = tmp_path / "gate"
    answer, ticks = asyncio.run(opened_after_ticks(ways(subject, gate)[way](), gate))
    assert answer == "done"
    assert ticks >= 1


def test_pykkas_own_future_stops_the_event_loop() -> None:
    """Negative control: a future of threads whose answer the event loop itself would bring."""
    future = pykka.ThreadingFuture[int]()
    helper = threading.Timer(0.2, future.set, (2,))  # else it would wait for ever

    async def main() -> None:
        helper.start()
        asyncio.get_running_loop().call_later(0.0, future.set, 1)
        assert await future == 2

    with pytest.raises(AssertionError):
        asyncio.run(_finds_the_loop_free(main))
    helper.join()


async def _finds_the_loop_free(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    loop, turned = asyncio.get_running_loop(), list[bool]()
    loop.set_exception_handler(lambda *_: None)  # the one who comes second finds the future set
    loop.call_soon(loop.call_later, 0.01, turned.append, True)
    await main()
    assert turned


def test_an_actor_awaits_in_an_event_loop_of_its_own(start: Starter, subject: Any, tmp_path: Path) -> None:
    asker, gate = start(), tmp_path / "gate"
    future = asker.ask(("async_gate", subject, str(gate)), block=False)
    answer, ticks = future.get(timeout=SECONDS)
    assert answer == "done"
    assert ticks >= 1
    for turn in range(20):
        assert asker.ask(("async_proxy", subject, turn), timeout=SECONDS)[0] == turn
        assert asker.ask(("echo", turn), timeout=SECONDS) == turn
    assert asker.ask(("ask", subject, ("echo", 1)), timeout=SECONDS) == 1


def test_many_asks_at_once(subject: Any) -> None:
    async def main() -> list[Any]:
        return await asyncio.gather(*(subject.aask(("echo", number), timeout=SECONDS) for number in range(500)))

    assert asyncio.run(main()) == list(range(500))


def test_errors_are_raised_where_they_are_awaited(subject: Any) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="deliberate"):
            await subject.aask(("raise",))
        with pytest.raises(MessageError):
            await subject.aask(("echo", object()))
        with pytest.raises(RemoteError, match="SystemExit"):
            await subject.aask(("sys_exit", 2))
        with pytest.raises(ActorDown):
            await subject.aask(("echo", 1))

    asyncio.run(main())


def test_an_ask_that_is_awaited_fails_when_the_actor_dies(subject: Any) -> None:
    async def main() -> None:
        question = asyncio.create_task(subject.aask(("wait_for", "/nowhere")))
        await asyncio.sleep(0)
        os.kill(subject.pid, signal.SIGKILL)
        with pytest.raises(ActorDown) as down:
            await question
        assert reason_of(down) == "killed"

    asyncio.run(main())


def test_a_timeout_is_pykkas_and_one_of_the_handler_is_its_own(subject: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    async def main() -> None:
        with pytest.raises(pykka.Timeout, match=r"0\.01"):
            await subject.aask(("wait_for", str(gate)), timeout=0.01)
        gate.touch()
        with pytest.raises(TimeoutError, match="of the handler"):
            await subject.aask(("raise_timeout",), timeout=SECONDS)
        assert await subject.aask(("echo", 1)) == 1

    asyncio.run(main())


def test_a_cancelled_ask_is_forgotten(subject: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    async def main() -> None:
        question = asyncio.create_task(subject.aask(("wait_for", str(gate))))
        await asyncio.sleep(0)
        question.cancel()
        with pytest.raises(asyncio.CancelledError):
            await question
        gate.touch()
        assert await subject.aask(("echo", 2)) == 2

    asyncio.run(main())


def test_an_answer_after_the_event_loop_has_ended_hurts_nobody(subject: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    async def main() -> None:
        for _ in range(20):
            asyncio.ensure_future(subject.aask(("wait_for", str(gate))))  # noqa: RUF006
        await asyncio.sleep(0)

    asyncio.run(main())
    gate.touch()
    assert [subject.ask(("echo", number), timeout=SECONDS) for number in range(50)] == list(range(50))
