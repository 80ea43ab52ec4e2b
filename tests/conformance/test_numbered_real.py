"""The 141 numbered scenarios of supervision on real processes.

Most are the pure machine's tests, run here with a tree of processes in the simulation's place. What those
tests read from inside the simulation is looked at in another way here:

    test_numbered_real_life.py      2 to 4, 14, 21, 39, 66, 84, 88, 89, 91, 93, 110, 115, 117
    test_numbered_real_elixir.py    121 to 135
    test_numbered_real_names.py     22, 32, 36, 136 to 141
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.conformance import (
    test_numbered_pure_instances,
    test_numbered_pure_limits,
    test_numbered_pure_requests,
    test_numbered_pure_restarts,
    test_numbered_pure_starting,
    test_numbered_pure_stopping,
)
from tests.conformance.real_tree import RealTree, close_all

PURE = [
    test_numbered_pure_instances,
    test_numbered_pure_limits,
    test_numbered_pure_requests,
    test_numbered_pure_restarts,
    test_numbered_pure_starting,
    test_numbered_pure_stopping,
]
# They read what only the simulation has; the other files have the same for processes.
ELSEWHERE = {
    "test_002_no_flags_no_supervisor",
    "test_003_a_wrong_return_of_init_is_an_error",
    "test_004_a_start_that_raises_leaves_nothing",
    "test_014_id_and_start_are_required",
    "test_021_correct_specifications_of_every_kind",
    "test_039_a_dead_child_that_was_not_noticed_is_not_active",
    "test_066_restarts_far_apart_do_not_count_together",
    "test_084_a_retry_of_former_times_is_void",
    "test_088_children_that_end_by_themselves_during_the_stop",
    "test_089_a_child_that_is_gone_does_not_hang_terminate_child",
    "test_091_an_unknown_message_is_logged",
    "test_093_only_the_parent_can_stop_a_supervisor",
    "test_110_instances_stop_in_parallel",
    "test_115_a_thousand_instances_of_a_supervisor",
    "test_117_the_reports_of_a_crash",
}


def numbered(module: ModuleType) -> dict[str, object]:
    return {name: test for name, test in vars(module).items() if re.match(r"test_\d{3}_", name)}


for _module in PURE:
    globals().update({name: test for name, test in numbered(_module).items() if name not in ELSEWHERE})


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the tests make trees of processes."""
    for module in PURE:
        monkeypatch.setattr(module, "Tree", RealTree)
    yield
    close_all()


def test_every_number_has_its_test_on_processes() -> None:
    """Each of the 141 scenarios is played here or in one of the files beside."""
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_numbered_real_*.py")]
    elsewhere = {name for text in texts for name in re.findall(r"^def (test_\d{3}_\w*)", text, re.MULTILINE)}
    here = {name for module in PURE for name in numbered(module)} - ELSEWHERE
    assert {int(name[5:8]) for name in here | elsewhere} == set(range(1, 142))
