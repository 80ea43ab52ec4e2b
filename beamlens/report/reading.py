"""Transcripts as they lie in their directory: which there are, and what one of them tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import beamlens.coordinator.progress
import beamlens.operator.findings  # noqa: F401  what is read must be known by its class
from beamlens.errors import BeamlensError
from beamlens.journal.records import Began, Ended
from beamlens.journal.store import read_bodies
from beamlens.report.decoding import TranscriptCodec
from beamlens.report.story import RunStory, Story, clock
from beamlens.report.telling import tell
from beamlens.report.text import one_line
from supervision.errors import ProtocolError

__all__ = ["RunNotFound", "find_run", "read_records", "read_story", "summaries"]

_SUFFIX: Final = ".journal"
_LISTED: Final = 5


class RunNotFound(BeamlensError):
    """There is no such transcript, or several; the text lists some."""


def read_records(path: Path) -> tuple[list[Any], str]:
    """Return the records of a transcript as far as they can be read, and what is wrong with the rest."""
    records: list[Any] = []
    try:
        for record in _records(path):
            records.append(record)
    except (ProtocolError, OSError) as error:
        return records, f"after {len(records)} records: {error}"
    return records, ""


def _records(path: Path) -> Iterator[Any]:
    unpack = TranscriptCodec()
    for body in read_bodies(path):
        yield unpack.decode(body)


def find_run(directory: Path, run: str) -> Path:
    """Return the transcript that is meant.

    Args:
        directory: of transcripts.
        run: the beginning of a run's id; `last` for the one that began last and was not a part of another.

    Raises:
        RunNotFound: there is none, or there are several.
    """
    if run == "last":
        latest = next((each for each in summaries(directory) if each["parent"] is None), None)
        if latest is None:
            raise RunNotFound(f"there are no transcripts in {directory}; programs with transcripts off leave none")
        return directory / f"{latest['run_id']}{_SUFFIX}"
    found = [path for path in _paths(directory) if run and path.name.startswith(run)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.stem[:16] for path in found[:_LISTED])
        raise RunNotFound(f"{len(found)} runs begin with {one_line(run)}: {names} ...")
    names = ", ".join(each["run_id"][:12] for each in summaries(directory)[:_LISTED]) or "none"
    raise RunNotFound(f"no run in {directory} begins with {one_line(run)!r}; the latest: {names}")


def summaries(directory: Path) -> list[dict[str, Any]]:
    """Return what each transcript is of, the latest first, as plain data."""
    found = [each for path in _paths(directory) if (each := _summary(path)) is not None]
    return sorted(found, key=lambda each: each["at"], reverse=True)


def _summary(path: Path) -> dict[str, Any] | None:
    records, _ = read_records(path)
    began = records[0] if records else None
    if not isinstance(began, Began):
        return None
    last = records[-1]
    return {
        "run_id": began.run_id,
        "owner": began.owner,
        "at": began.at,
        "began": clock(began.at),
        "parent": getattr(began.asked, "parent", None),
        "about": one_line(" ".join(str(each) for each in began.reason.values()), 80),
        "ending": last.outcome.ending if isinstance(last, Ended) else None,
    }


def _paths(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if path.name.endswith(_SUFFIX))
    except OSError:
        return []


def read_story(directory: Path, path: Path) -> Story:
    """Return what a transcript tells, and those of the operators that it set to work.

    Raises:
        RunNotFound: it cannot be read at all.
    """
    main = _told(path)
    if main is None:
        raise RunNotFound(f"{path} is no transcript, or is damaged from its beginning")
    runs, missing = [main], []
    for _, run_id in main.operator_runs:
        told = _told(directory / f"{run_id}{_SUFFIX}")
        if told is None:
            missing.append(run_id)
        else:
            runs.append(told)
    return Story(tuple(runs), tuple(missing))


def _told(path: Path) -> RunStory | None:
    records, damage = read_records(path)
    return tell(records, damage) if records and isinstance(records[0], Began) else None
