"""The limit of open files is told at the start, not found out at some child."""

from __future__ import annotations

import resource

import pytest

from supervision import ChildSpec, StartError, Supervisor
from tests.actors_for_smoke import Counter


def test_too_low_a_limit_of_open_files_is_said_at_the_start() -> None:
    """Nothing is started, and the sentence names what is needed and how to get it."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limit[1]))
    try:
        with pytest.raises(StartError, match="ulimit -n") as raised:
            Supervisor.start([ChildSpec(id=number, start=(Counter, (1,))) for number in range(200)])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert raised.value.reason[0] == "too_few_descriptors"  # type: ignore[index]


def test_a_sufficient_limit_is_no_hindrance() -> None:
    """The control: the same tree, smaller, starts under the same limit."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limit[1]))
    try:
        tree = Supervisor.start([ChildSpec(id=number, start=(Counter, (1,))) for number in range(3)])
        assert tree.count_children().active == 3
        assert tree.stop()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
