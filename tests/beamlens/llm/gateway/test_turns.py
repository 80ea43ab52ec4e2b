"""Turns are given fairly and none is lost."""

from __future__ import annotations

import asyncio
import random

import pytest

from beamlens.llm.turns import Turns


def test_waiting_callers_take_turns() -> None:
    async def main() -> list[str]:
        turns, order = Turns(1), list[str]()

        async def work(caller: str) -> None:
            async with turns.turn(caller):
                order.append(caller)
                await asyncio.sleep(0)

        await asyncio.gather(*(work(caller) for caller in "aaaaabbc"))
        assert turns.waiting == 0
        return order

    assert "".join(asyncio.run(main())) == "aabcabaa"


def test_no_turn_is_lost_whatever_is_cancelled() -> None:
    """Whoever is cancelled just as a turn comes to it must hand it on."""

    async def main(seed: int) -> None:
        turns, chance, running, most = Turns(3), random.Random(seed), [0], [0]

        async def work() -> None:
            async with turns.turn(chance.choice("abc")):
                running[0] += 1
                most[0] = max(most[0], running[0])
                try:
                    for _ in range(chance.randrange(4)):
                        await asyncio.sleep(0)
                finally:
                    running[0] -= 1

        tasks = [asyncio.create_task(work()) for _ in range(40)]
        for _ in range(30):
            await asyncio.sleep(0)
            chance.choice(tasks).cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert most[0] <= 3
        assert turns.waiting == 0
        async with turns.turn("x"), turns.turn("y"), turns.turn("z"):  # all three are free again
            pass

    for seed in range(50):
        asyncio.run(asyncio.wait_for(main(seed), 20))


def test_a_limit_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Turns(0)
