"""The sub-commands that need no running program: doctor, demo, new-skill."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from beamlens.cli.exit_codes import FOUND, OK, UNAVAILABLE, USAGE
from beamlens.cli.output import fail, print_json, say

__all__ = ["add_commands"]

_STYLES = {"ok": "green", "warning": "yellow", "problem": "red"}


def add_commands(app: typer.Typer) -> None:
    """Add them to the application."""
    app.command()(doctor)
    app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
        demo
    )
    legion = typer.Typer(name="legion", help="Agents that solve tasks by writing code.", no_args_is_help=True)
    legion.callback()(_legion)
    legion.command(
        "demo", add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
    )(legion_demo)
    app.add_typer(legion)
    app.command(name="new-skill")(new_skill)


def _legion() -> None:
    """Agents that solve tasks by writing code."""


def legion_demo(context: typer.Context) -> int:
    """Watch an agent solve a task, killed in the middle of it; see beamlens legion demo --help."""
    from beamlens.cli import legion_demo as legions

    return legions.main(list(context.args))


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> int:
    """Say what this machine can and cannot do for BeamLens."""
    from beamlens.doctor import report

    found = report()
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            say(finding, _STYLES[finding.status])
    return FOUND if any(finding.status == "problem" for finding in found) else OK


def demo(context: typer.Context) -> int:
    """Watch operators find the cause of a real fault in a real program; see beamlens demo --help."""
    try:
        from beamlens.demo import main
    except ModuleNotFoundError as error:
        if error.name != "beamlens.demo":
            raise
        fail("this installation has no demo")
        return UNAVAILABLE
    return int(main(list(context.args)) or 0)


def new_skill(
    name: Annotated[str, typer.Argument(help="Letters, digits and underscores, such as orders.")],
    directory: Annotated[Path, typer.Option(help="Where the files go.")] = Path(),
) -> int:
    """Write a file with a skill to begin with, and one with its tests."""
    from beamlens.cli.new_skill import skill_sources

    if not name.isidentifier() or not name.islower() or not name.isascii():
        fail(f"{name!r} cannot name a skill; lower-case letters, digits and underscores are expected")
        return USAGE
    files = {directory / file: text for file, text in skill_sources(name).items()}
    there = next((path for path in files if path.exists()), None)
    if there is not None:
        fail(f"{there} is there already; it was left as it is")
        return USAGE
    for path, text in files.items():
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            fail(f"{path} cannot be written: {error.strerror}")
            return UNAVAILABLE
    first, tests = files
    say(
        f"{first} was written, and its tests, {tests}; now fill in what it looks at, and add its class to the operators"
    )
    return OK
