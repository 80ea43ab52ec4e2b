"""Small real programs, sick and healthy, whose allocators the `allocator` skill watches from inside."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from beamlens.skills.allocator import Allocator
from tests.beamlens.skills.answering import answer_all

ENDED = threading.Event()
KEPT: list[object] = []


def keeps_pages() -> None:
    while not ENDED.wait(0.02):
        KEPT.append(_page())


def _page() -> bytearray:
    return bytearray(20_000)


def leaves_holes() -> None:
    """Keep one of a thousand small blocks, so that none of the memory around can be given back."""
    blocks = [b"x" * 400 + str(number).encode() for number in range(1_200_000)]
    KEPT.extend(blocks[::1000])
    del blocks
    ENDED.wait()


def allocates_and_frees() -> None:
    while not ENDED.wait(0.01):
        _ = [bytearray(5000) for _ in range(100)]


def fills_a_ring() -> None:
    ring: list[bytearray] = [bytearray(0)] * 500
    number = 0
    while not ENDED.wait(0.01):
        number += 1
        ring[number % 500] = bytearray(20_000)


def computes() -> None:
    while not ENDED.is_set():
        sum(number * number for number in range(1000))


PROGRAMS: dict[str, list[Callable[[], None]]] = {
    "keeping": [keeps_pages],
    "fragmented": [leaves_holes],
    "healthy": [allocates_and_frees, fills_a_ring],
    "busy": [computes],
}


def main() -> None:
    skill = Allocator()
    skill.start()
    for each in PROGRAMS[sys.argv[1]]:
        threading.Thread(target=each, daemon=True).start()
    answer_all(skill)
    ENDED.set()
    skill.stop()


if __name__ == "__main__":
    main()
