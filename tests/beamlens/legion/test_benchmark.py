"""The benchmark of Legion runs and prints its figures."""

from __future__ import annotations

import json

import pytest

from benchmarks import __main__ as program


def test_it_runs_and_prints_its_figures_last(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["legion", "--smoke", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    wanted = {"turn_overhead_ms_p50", "turn_without_eval_ms_p50", "execute_ms_p50", "agents_at_once", "agent_uss_mb"}
    assert wanted <= figures.keys()
    assert all(figures[key] > 0 for key in wanted)
