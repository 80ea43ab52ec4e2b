"""The ledger: it adds up, its verdicts, and when malloc is not asked."""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import pytest

from beamlens.skills.interpreter import census
from beamlens.skills.interpreter.allocators import Malloc, MallocGauge, Pymalloc, malloc_state, pymalloc_state
from beamlens.skills.interpreter.census import take_census
from beamlens.skills.interpreter.ledger import Ledger, entries, free_part, read_ledger, verdict
from beamlens.skills.interpreter.memory import MemoryHistory, block_sizes
from beamlens.skills.interpreter.procfs import ProcessMemory

_MIB = 1 << 20
_SMALL = Ledger(
    when=0.0,
    process=ProcessMemory(rss=200 * _MIB, anonymous=150 * _MIB, files=40 * _MIB, shared=10 * _MIB),
    pymalloc=Pymalloc(arenas=60 * _MIB, used=50 * _MIB, sizes=()),
    malloc=Malloc(used=60 * _MIB, free=10 * _MIB, mapped=0, chunks=1),
    blocks=1000,
)


def _grown(ledger: Ledger, *, small: int = 0, arena_free: int = 0, malloc: int = 0, malloc_free: int = 0) -> Ledger:
    assert ledger.process.rss is not None
    assert ledger.process.anonymous is not None
    assert ledger.pymalloc is not None
    assert ledger.malloc is not None
    total = (small + arena_free + malloc + malloc_free) * _MIB
    pymalloc, heap = ledger.pymalloc, ledger.malloc
    return replace(
        ledger,
        process=replace(ledger.process, rss=ledger.process.rss + total, anonymous=ledger.process.anonymous + total),
        pymalloc=replace(
            pymalloc, arenas=pymalloc.arenas + (small + arena_free) * _MIB, used=pymalloc.used + small * _MIB
        ),
        malloc=replace(heap, used=heap.used + malloc * _MIB, free=heap.free + malloc_free * _MIB),
    )


def test_the_entries_of_this_process_add_up_to_its_resident_size() -> None:
    ledger = read_ledger(MallocGauge())
    assert sum(value or 0 for value in entries(ledger).values()) == ledger.process.rss
    assert ledger.missing == ()


def test_small_objects_that_are_kept_show_up_as_such() -> None:
    gauge = MallocGauge()
    before = read_ledger(gauge)
    kept = [float(number) for number in range(4_000_000)]  # much also for the large process that runs the tests
    after = read_ledger(gauge)
    grown = (entries(after)["small_objects"] or 0) - (entries(before)["small_objects"] or 0)
    assert grown == pytest.approx(4_000_000 * 24 * (32 / 24), rel=0.3)
    assert verdict(before, after)[0] == "leak"
    del kept


@pytest.mark.parametrize(
    ("after", "growing", "said"),
    [
        (_SMALL, None, "none"),
        (_grown(_SMALL, small=50, malloc=10), None, "leak"),
        (_grown(_SMALL, malloc=50), None, "native"),
        (_grown(_SMALL, malloc=50), "shop.CACHE", "leak"),
        (_grown(_SMALL, arena_free=30, malloc_free=30), None, "fragmentation"),
        (replace(_grown(_SMALL, small=50), malloc=None), None, "unknown"),
        (replace(_SMALL, process=ProcessMemory()), None, "unknown"),
    ],
)
def test_the_verdict_says_what_grew(after: Ledger, growing: str | None, said: str) -> None:
    assert verdict(_SMALL, after, growing)[0] == said


def test_a_heap_that_is_mostly_free_is_fragmented_even_without_growth() -> None:
    hollow = _grown(_SMALL, malloc_free=300)
    assert verdict(hollow, hollow)[0] == "fragmentation"
    assert free_part(hollow) == pytest.approx(320 / 450, abs=0.01)


def test_what_is_not_resident_is_negative_and_the_sum_still_holds() -> None:
    assert _SMALL.malloc is not None
    untouched = replace(_SMALL, malloc=replace(_SMALL.malloc, used=500 * _MIB))
    found = entries(untouched)
    assert (found["not_resident"] or 0) < 0
    assert sum(value or 0 for value in found.values()) == _SMALL.process.rss


def test_the_allocators_of_this_interpreter_tell_their_state() -> None:
    pymalloc, malloc = pymalloc_state(), malloc_state()
    assert pymalloc is not None
    assert malloc is not None
    assert 0 < pymalloc.used <= pymalloc.arenas
    assert sum(live for _, live, _ in pymalloc.sizes) == pytest.approx(sys.getallocatedblocks(), rel=0.05)
    assert malloc.used > 0


def test_malloc_is_not_asked_where_the_first_answer_could_take_too_long() -> None:
    state, refusal = MallocGauge(unknown_limit=1).read(2 * _MIB)
    assert state is None
    assert refusal is not None
    assert "could stop the application" in refusal


def test_malloc_is_not_asked_again_where_the_heap_grew_beyond_what_the_limit_allows() -> None:
    gauge = MallocGauge(limit_ms=40.0)
    assert gauge.read(_MIB)[0] is not None
    state, refusal = gauge.read(_MIB * 1_000_000)
    assert state is None
    assert refusal is not None
    assert gauge.read(_MIB)[0] is not None, "it is asked again once that is cheap"


def test_tracked_objects_are_not_listed_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "_MOST_BLOCKS", 10**9)  # the process of the tests may be large
    counted, refusal = take_census()
    assert counted is not None
    assert refusal is None
    assert counted.objects > 1000
    monkeypatch.setattr(census, "_MOST_BLOCKS", 10)
    counted, refusal = take_census()
    assert counted is None
    assert refusal is not None


def test_a_minute_of_history_gives_growth_and_before_that_there_is_none() -> None:
    history = MemoryHistory()
    now = time.monotonic()
    history.look(now)
    assert history.snapshot()["rss_growth"] is None
    for second in range(1, 12):
        history.look(now + second)
    growth = history.snapshot()["rss_growth"]
    assert growth["seconds"] == 11.0
    assert history.ledger()["verdict"] in ("none", "leak", "native", "fragmentation")


def test_blocks_by_size_add_up() -> None:
    data = block_sizes()
    assert data["missing"] == []
    assert sum(row["live"] for row in data["sizes"]) <= data["blocks"] * 1.05
    assert 0 < data["usage_ratio"] <= 1
