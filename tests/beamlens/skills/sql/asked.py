"""The skill `sql` without the harness' look for traces, and a judge of its checks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from beamlens.skills.sql import Sql
from beamlens.testing import SkillHarness
from tests.beamlens.skills.judged import Judge


@contextlib.contextmanager
def asked(**kwargs: Any) -> Iterator[SkillHarness]:
    skill = SkillHarness(Sql, **kwargs).__enter__()
    try:
        yield skill
    finally:
        skill.access.close(10.0)


def judged(sql: SkillHarness) -> Judge:
    """Return a judge that has looked once."""

    def call(name: str, *args: object) -> object:
        return sql.snapshot() if name == "snapshot" else sql.call(name, *args)

    judge = Judge(sql.access.checks(), call, [name for name in sql.access.names() if name.startswith("sql_")])
    judge.look()
    return judge
