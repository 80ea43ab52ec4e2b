"""The sub-commands that talk to running programs."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer
from rich.table import Table

from beamlens.cli.exit_codes import FOUND, OK
from beamlens.cli.output import console, print_json, say, styled
from beamlens.cli.progress import EventLine, show_outcome
from beamlens.control.client import Program, ask, choose, programs
from beamlens.control.protocol import ControlError
from beamlens.report.text import harmless

__all__ = ["add_commands"]

Pid = Annotated[int | None, typer.Option("--pid", help="The program, where several run.")]
Name = Annotated[str | None, typer.Option("--name", help="The tree, where several run.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_PATIENCE = 10.0
_STYLES = {"healthy": "green", "observing": "cyan", "warning": "yellow", "critical": "bold red"}


def add_commands(app: typer.Typer) -> None:
    """Add them to the application."""
    for command in (ps, tree, message, run, cancel, events):
        app.command()(command)


# -- ps, tree -------------------------------------------------------------------------------------------


def ps(pid: Pid = None, name: Name = None, as_json: Json = False) -> int:
    """List running programs, their operators and how these stand."""
    wanted = [each for each in programs() if pid in (None, each.pid) and name in (None, each.name)]
    found = [_looked_at(each) for each in wanted]
    if as_json:
        print_json(found)
    elif not found:
        raise ControlError("no such program of this user runs BeamLens", "not_found")
    for each in [] if as_json else found:
        _show_program(each)
    return OK


def _looked_at(program: Program) -> dict[str, Any]:
    unknown = {"pid": program.pid, "name": program.name or None, "socket": str(program.path)}
    try:
        return {**unknown, **ask(program.path, "ps", seconds=_PATIENCE), "answers": True}
    except ControlError as error:
        return {**unknown, "answers": False, "error": str(error), "operators": [], "coordinator": None}


def _show_program(found: dict[str, Any]) -> None:
    if not found["answers"]:
        say(f"pid {found['pid']}  {found['name'] or '?'}  {found['error']}", "red")
        return
    minutes = max(0.0, time.time() - found["since"]) / 60
    say(f"{found['name']}  pid {found['pid']}  {found['program']}  up {minutes:.0f} min", "bold")
    table = Table(box=None, pad_edge=False)
    for title in ("operator", "state", "status", "step", "queued", "found", "pid", "watches"):
        table.add_column(title)
    for each in found["operators"]:
        cells = [
            each[key] for key in ("operator", "state", "status", "iteration", "queued", "notifications", "pid", "title")
        ]
        style = _STYLES.get(each["state"], "")
        table.add_row(
            *(styled("-" if cell in (None, "") else cell, style if at == 1 else "") for at, cell in enumerate(cells))
        )
    console().print(table)
    _show_nodes(found.get("nodes") or [])
    coordinator = found["coordinator"]
    if coordinator is None:
        say("coordinator does not answer", "red")
    elif coordinator["running"]:
        operators = ", ".join(coordinator["running_operators"]) or "nobody"
        say(f"coordinator runs {coordinator['trace_id']}, step {coordinator['iteration']}, at work: {operators}")
    else:
        say("coordinator is idle")


def _show_nodes(nodes: list[dict[str, Any]]) -> None:
    """Say which processes the operators look into, where there are several."""
    for number, node in enumerate(nodes if len(nodes) > 1 else []):
        silent = node["silent_seconds"]
        told = f"silent for {silent:.0f} s" if silent else "has the operators" if node["elected"] else "joined"
        label = "nodes" if number == 0 else "     "
        say(f"{label}  {node['name']}  pid {node['pid']}  {told}", "yellow" if silent else "")


def tree(pid: Pid = None, name: Name = None, as_json: Json = False) -> int:
    """Draw the supervision tree of a running program."""
    found = ask(choose(programs(), pid, name).path, "tree", seconds=_PATIENCE)
    if as_json:
        print_json(found)
    else:
        from supervision.tree.rendering import render

        say(render(found["tree"], found["pid"]))
    return OK


# -- message, run, cancel -------------------------------------------------------------------------------


def message(
    operator: Annotated[str, typer.Argument(help="Whom to ask.")],
    text: Annotated[str, typer.Argument(help="The question.")],
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the answer.")] = 30.0,
    pid: Pid = None,
    name: Name = None,
    as_json: Json = False,
) -> int:
    """Ask an operator a question; it answers from what it has seen, also while it works."""
    given = {"operator": operator, "text": text, "timeout": timeout}
    found = ask(choose(programs(), pid, name).path, "message", given, seconds=timeout + _PATIENCE)
    failed = "error" in found
    if as_json:
        print_json(found)
    else:
        say(found["error"] if failed else found.get("response", ""), "red" if failed else "")
    return FOUND if failed else OK


def run(
    reason: Annotated[str | None, typer.Argument(help='What it is about, such as "memory alert".')] = None,
    operator: Annotated[list[str] | None, typer.Option(help="An operator that may be asked; may be repeated.")] = None,
    deadline: Annotated[float | None, typer.Option(help="Seconds for the run.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    pid: Pid = None,
    name: Name = None,
    as_json: Json = False,
) -> int:
    """Have the coordinator find out what is going on. Ctrl-C cancels the run.

    Progress goes to the standard error output, the outcome to the standard output.
    """
    program = choose(programs(), pid, name)
    given: dict[str, Any] = {"reason": reason, "operators": operator or None, "deadline": deadline, "events": not quiet}
    line = EventLine(console(errors=True))
    found = ask(program.path, "run", {k: v for k, v in given.items() if v is not None}, hear=line)
    if as_json:
        print_json(found)
    else:
        show_outcome(console(), found)
    return OK if found["ending"] in ("done", "max_iterations") else FOUND


def cancel(
    run_id: Annotated[str | None, typer.Argument(metavar="[RUN]", help="The run; by default all.")] = None,
    operator: Annotated[str | None, typer.Option(help="Cancel runs of this operator, not of the coordinator.")] = None,
    pid: Pid = None,
    name: Name = None,
    as_json: Json = False,
) -> int:
    """Cancel runs of the coordinator, or of one operator."""
    given = {key: value for key, value in (("run", run_id), ("operator", operator)) if value}
    found = ask(choose(programs(), pid, name).path, "cancel", given, seconds=_PATIENCE)
    if as_json:
        print_json(found)
    else:
        say(f"{found['cancelled']} cancelled")
    return OK


# -- events ---------------------------------------------------------------------------------------------


def events(
    names: Annotated[
        list[str] | None, typer.Argument(help="Such as operator, or coordinator.insight_produced.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until Ctrl-C.")] = False,
    seconds: Annotated[float, typer.Option(help="How long, without --follow.")] = 5.0,
    run_id: Annotated[str | None, typer.Option("--run", help="Only of this run: the beginning of its id.")] = None,
    pid: Pid = None,
    name: Name = None,
    as_json: Json = False,
) -> int:
    """Print the events of a running program as they come, one a line."""
    given: dict[str, Any] = {"names": names or []}
    if not follow:
        given["seconds"] = seconds
    if run_id:
        given["run"] = run_id
    line = EventLine(console(), everything=True)

    def show(event: dict[str, Any]) -> None:
        if event.get("name") == "control.attached":
            if not as_json:
                say("listening ...", "dim", errors=True)
        elif as_json:
            print_json(event)
        else:
            line(event)

    found = ask(choose(programs(), pid, name).path, "events", given, hear=show)
    if found["lost"]:
        say(f"{harmless(found['lost'])} events came too fast and were left out", "yellow", errors=True)
    return OK
