"""Transcripts of real runs, made by a program in a process of its own, once for all tests that only read them."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

from tests.beamlens.control.programs import running

__all__ = ["transcripts"]


@cache
def transcripts(*, kill: bool = False) -> tuple[Path, str]:
    """Return a directory of transcripts, and the id of the coordinator's run in it; with `kill` its operator died."""
    base = Path(tempfile.mkdtemp(prefix="recorded-"))
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    runtime = base / "run"
    runtime.mkdir()
    with running(runtime, transcripts=str(base / "runs"), run=True, kill=kill) as program:
        run_id = str(json.loads(program.said[-1])["run_id"])
    return base / "runs", run_id
