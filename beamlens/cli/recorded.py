"""The sub-commands that read transcripts: report and replay."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from beamlens.cli.exit_codes import FOUND, OK
from beamlens.cli.output import console, print_json, say
from beamlens.control.protocol import ControlError
from beamlens.journal.store import default_directory

if TYPE_CHECKING:
    from beamlens.report.story import Story

__all__ = ["add_commands"]

Run = Annotated[str, typer.Argument(metavar="RUN", help="The beginning of a run's id, or last.")]
Dir = Annotated[
    Path | None, typer.Option("--dir", help="Where transcripts are; by default the user's state directory.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_commands(app: typer.Typer) -> None:
    """Add them to the application."""
    for command in (runs, report, replay):
        app.command()(command)


def runs(directory: Dir = None, as_json: Json = False) -> int:
    """List the transcripts that there are, the latest first."""
    from beamlens.report.reading import summaries

    found = summaries(directory or default_directory())
    if as_json:
        print_json(found)
    for each in [] if as_json else found:
        ending = each["ending"] or "unfinished"
        say(f"{each['began']}  {each['run_id'][:12]}  {each['owner']:<16} {ending:<14} {each['about']}")
    return OK


def report(
    run: Run = "last",
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page into this file.")] = None,
    directory: Dir = None,
    as_json: Json = False,
) -> int:
    """Tell what happened in a run: states, tools, crashes, and the evidence behind each sentence of its insights."""
    from beamlens.report.printed import as_lines

    story = _story(run, directory)
    if html is not None:
        from beamlens.report.page import page

        _write(html, page(story))
        say(f"{html} was written", errors=True)
    if as_json:
        print_json(story.to_dict())
    elif html is None:
        for text, style in as_lines(story):
            say(text, style)
    return OK


def replay(run: Run = "last", directory: Dir = None, as_json: Json = False) -> int:
    """Drive a run again without a model, from its recorded choices and results; tell where it goes another way."""
    from beamlens.report.replaying import replay as drive

    story = _story(run, directory)
    steps: list[dict[str, Any]] = []
    differences = 0
    for told in story.runs:
        if not as_json:
            say(f"{told.owner}  {told.run_id}", "bold")
        for step in drive(told):
            differences += len(step.differences)
            steps.append({"run_id": told.run_id, **step.to_dict()})
            if not as_json:
                console().print(step.line())
    if as_json:
        print_json({"run_id": story.runs[0].run_id, "differences": differences, "steps": steps})
    else:
        say(f"{len(steps)} steps, {differences} differences", "green" if not differences else "yellow")
    return FOUND if differences else OK


def _story(run: str, directory: Path | None) -> Story:
    from beamlens.report.reading import RunNotFound, find_run, read_story

    where = directory or default_directory()
    try:
        return read_story(where, find_run(where, run))
    except RunNotFound as error:
        raise ControlError(str(error), "not_found") from error


def _write(path: Path, text: str) -> None:
    # For this user alone, as the transcript itself.
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ControlError(f"{path} cannot be written: {error.strerror}", "unavailable") from error
