"""The sub-commands put together, and how their errors become exit codes."""

from __future__ import annotations

import os
import sys

import typer

from beamlens.cli import live, machine, recorded
from beamlens.cli.exit_codes import FOUND, INTERRUPTED, OF_KIND, OK, UNAVAILABLE, USAGE
from beamlens.cli.output import fail
from beamlens.control.directory import ControlDirectoryError
from beamlens.control.protocol import ControlError
from beamlens.errors import BeamlensError

__all__ = ["make_app", "run"]


def make_app() -> typer.Typer:
    """Return the application with all its sub-commands."""
    app = typer.Typer(
        name="beamlens",
        help="Talk to programs that run BeamLens, and read what their runs left behind.",
        epilog="Exit codes: 0 fine; 1 a problem was found, or the run failed; 2 wrong usage; "
        "3 no such program, operator or run, or it does not answer; 130 interrupted.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for module in (live, recorded, machine):
        module.add_commands(app)
    return app


def run(arguments: list[str] | None) -> int:
    """Perform a command; return the exit code. The main thread."""
    try:
        code = make_app()(arguments, standalone_mode=False, prog_name="beamlens")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter complains at its end
        return OK
    except Exception as error:
        return _code_of(error)
    return code if isinstance(code, int) else OK


def _code_of(error: Exception) -> int:
    if isinstance(error, typer.Exit):
        return int(error.exit_code)
    if isinstance(error, typer.Abort):
        return INTERRUPTED
    if isinstance(error, ControlError):
        fail(error)
        return OF_KIND.get(error.kind, FOUND)
    if isinstance(error, ControlDirectoryError):
        fail(error)
        return UNAVAILABLE
    if isinstance(error, BeamlensError):
        fail(error)
        return FOUND
    if callable(getattr(error, "format_message", None)):  # click's, whichever click typer brings along
        fail(f"{error.format_message()}; see beamlens --help")  # type: ignore[attr-defined]
        return USAGE
    raise error
