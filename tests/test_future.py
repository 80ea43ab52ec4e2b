"""The future of an answer, without any actor."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pykka
import pytest

from supervision.future import ReplyFuture
from supervision.testing import wait_until


def done(value: Any) -> ReplyFuture:
    future = ReplyFuture()
    future.set(value)
    return future


def failed(error: BaseException) -> ReplyFuture:
    future = ReplyFuture()
    future.fail(error)
    return future


def test_a_value_can_be_read_again_and_again() -> None:
    future = done([1])
    assert future.get() == [1]
    assert future.get(timeout=0) == [1]
    assert future.done


def test_an_error_is_raised_again_and_again() -> None:
    future = failed(LookupError("x"))
    for _ in range(2):
        with pytest.raises(LookupError, match="x"):
            future.get(timeout=0)


def test_nothing_yet_is_a_timeout() -> None:
    future = ReplyFuture()
    assert not future.done
    for timeout in (0, 0.001, -1):
        with pytest.raises(pykka.Timeout):
            future.get(timeout=timeout)
    future.set(1)
    assert future.get() == 1


def test_the_first_answer_counts() -> None:
    future = ReplyFuture()
    assert future.succeed(1)
    assert not future.succeed(2)
    assert not future.fail(ValueError())
    with pytest.raises(RuntimeError, match="set already"):
        future.set(3)
    with pytest.raises(RuntimeError, match="set already"):
        future.set_exception((ValueError, ValueError(), None))
    assert future.get() == 1


def test_an_exception_that_is_handled_can_be_set() -> None:
    future = ReplyFuture()
    try:
        raise KeyError("handled")
    except KeyError:
        future.set_exception()
    with pytest.raises(KeyError, match="handled"):
        future.get()


def test_without_an_exception_one_is_made() -> None:
    future = ReplyFuture()
    future.set_exception()
    with pytest.raises(RuntimeError, match="no exception"):
        future.get()


def test_of_many_threads_that_answer_one_wins_and_all_that_wait_hear_it() -> None:
    for _ in range(50):
        future, got, won = ReplyFuture(), list[Any](), list[bool]()
        barrier = threading.Barrier(6)

        def wait(future: ReplyFuture = future, barrier: threading.Barrier = barrier, got: list[Any] = got) -> None:
            barrier.wait()
            got.append(future.get(timeout=10))

        def answer(
            number: int, future: ReplyFuture = future, barrier: threading.Barrier = barrier, won: list[bool] = won
        ) -> None:
            barrier.wait()
            won.append(future.succeed(number))

        threads = [threading.Thread(target=wait) for _ in range(3)]
        threads += [threading.Thread(target=answer, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert won.count(True) == 1
        assert got == [future.get()] * 3


def test_callbacks_are_called_once_before_or_after() -> None:
    future, called = ReplyFuture(), list[Any]()
    future.add_done_callback(called.append)
    future.add_done_callback(called.append)
    assert called == []
    future.set(1)
    future.succeed(2)
    assert called == [future, future]
    future.add_done_callback(called.append)
    assert len(called) == 3


@pytest.mark.parametrize(
    ("use", "result"),
    [
        (lambda future: future.map(len), 4),
        (lambda future: future.map(len).map(str), "4"),
        (lambda future: future.filter(lambda number: number > 2), [3, 4]),
        (lambda future: future.reduce(lambda one, two: one + two), 10),
        (lambda future: future.reduce(lambda one, two: one + two, 5), 15),
        (lambda future: future.join(done(1), done("x")), [[1, 2, 3, 4], 1, "x"]),
    ],
)
def test_pykkas_ways_to_make_futures_of_futures(use: Callable[[Any], Any], result: object) -> None:
    later = ReplyFuture()
    futures = [use(done([1, 2, 3, 4])), use(later)]
    later.set([1, 2, 3, 4])
    for future in futures:
        assert isinstance(future, ReplyFuture)
        assert future.get(timeout=10) == result
        assert future.get() == result


@pytest.mark.parametrize("error", [ValueError, NotImplementedError, KeyError])
def test_errors_of_what_is_mapped_and_of_the_mapping_are_raised(error: type[Exception]) -> None:
    """Also `NotImplementedError`, by which Pykka's futures tell something else: with those this hangs."""

    def failing(_: object) -> None:
        raise error("in the mapping")

    for future in (failed(error("the answer")).map(str), done(1).map(failing), done(1).join(failed(error("x")))):
        with pytest.raises(error):
            future.get(timeout=1)


def test_pykkas_own_future_takes_that_error_for_something_else() -> None:
    """Negative control."""
    future = pykka.ThreadingFuture[Any]()
    future.set(1)

    def failing(_: object) -> None:
        raise NotImplementedError

    with pytest.raises(pykka.Timeout):
        future.map(failing).get(timeout=0.01)


def test_a_mapped_future_times_out() -> None:
    with pytest.raises(pykka.Timeout):
        ReplyFuture().map(str).get(timeout=0.001)


def test_get_all_waits_for_all() -> None:
    assert pykka.get_all([done(1), done(2)]) == [1, 2]
    with pytest.raises(pykka.Timeout):
        pykka.get_all([done(1), ReplyFuture()], timeout=0.001)


# ---- asyncio


async def awaited(future: Any) -> Any:
    return await future


@pytest.mark.parametrize("make", [lambda: done(5), lambda: done([5]).map(lambda found: found[0])])
def test_a_future_can_be_awaited_as_often_as_one_likes(make: Callable[[], Any]) -> None:
    future = make()
    assert asyncio.run(awaited(future)) == 5
    assert asyncio.run(awaited(future)) == 5


def test_an_error_is_raised_where_it_is_awaited() -> None:
    with pytest.raises(LookupError):
        asyncio.run(awaited(failed(LookupError())))


def test_an_answer_of_another_thread_wakes_the_coroutine() -> None:
    future = ReplyFuture()

    async def main() -> Any:
        asyncio.get_running_loop().run_in_executor(None, future.set, "answer")
        return await asyncio.wait_for(awaited(future), 10)

    assert asyncio.run(main()) == "answer"


def test_a_cancelled_coroutine_does_not_harm_the_future() -> None:
    future = ReplyFuture()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(awaited(future), 0.001)

    asyncio.run(main())
    future.set(1)
    assert asyncio.run(awaited(future)) == 1


def test_an_event_loop_that_ends_while_answers_come_hurts_nobody() -> None:
    for _ in range(20):
        futures = [ReplyFuture() for _ in range(50)]
        start = threading.Event()

        def answer(futures: list[ReplyFuture] = futures, start: threading.Event = start) -> None:
            start.wait(10)
            for future in futures:
                future.set(1)  # must not raise whatever becomes of the loop

        thread = threading.Thread(target=answer)
        thread.start()

        async def main(futures: list[ReplyFuture] = futures, start: threading.Event = start) -> None:
            tasks = [asyncio.ensure_future(awaited(future)) for future in futures]
            await asyncio.sleep(0)
            start.set()
            tasks.clear()

        asyncio.run(main())
        thread.join()
        assert all(future.done for future in futures)


def test_a_wait_is_not_longer_than_its_time() -> None:
    begun = time.monotonic()
    assert not ReplyFuture().wait(0.02)
    assert 0.02 <= time.monotonic() - begun < 5
    waiting = ReplyFuture()
    threading.Timer(0.005, waiting.set, (1,)).start()
    assert waiting.wait(10)
    wait_until(lambda: waiting.done)
