"""The table as a page of the documentation: docs/beamlens-events.md is what `page` returns."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from beamlens.telemetry.catalogue import events
from beamlens.telemetry.event import Event, Field

__all__ = ["page"]

_HEAD: Final = """\
# Events of BeamLens

`python -m beamlens.telemetry` prints this page; do not edit it.

{count} events, each a tuple of strings: `("beamlens", "operator", "think")` is written `operator.think` here. Attach to
one with `beamlens.telemetry.attach(id, name, handler)`, to all with `attach_many(id, event_names(), handler)`; or log
them with `attach_default_logger(level="debug")`. Handlers in the application hear the events of all its operators.
`beamlens.telemetry.check(name, measurements, metadata)` holds an event against this table.

- `system_time` is nanoseconds since the epoch, `duration` monotonic nanoseconds.
- `trace_id` names a run, from its start to its end, also over a crash; `iteration` is a step of it.
- `operator` is an operator's name.
- A key with `?` may be missing. `object` is any value; a capital letter begins a class of this project.
- since: `0.3.1` and `0.4.0` are the versions of BeamLens that declare the event, `undeclared` is what BeamLens emits
  without declaring it, `ours` is new.
- The default logger raises its level for events marked with (warning) or (error).
"""

_COLUMNS: Final = "| event | measurements | metadata | when | since |\n|---|---|---|---|---|\n"


def page() -> str:
    """Return the page, as Markdown."""
    parts = [_HEAD.format(count=len(events()))]
    for category, rows in groupby(events(), key=lambda event: event.category):
        parts.append(f"\n## {category}\n\n{_COLUMNS}" + "".join(map(_row, rows)))
    return "".join(parts)


def _row(event: Event) -> str:
    name = ".".join(event.name[1:])
    mark = "" if event.severity == "info" else f" ({event.severity})"
    cells = [f"`{name}`{mark}", _cell(event.measurements), _cell(event.metadata), event.meaning, event.since]
    return f"| {' | '.join(cells)} |\n"


def _cell(fields: tuple[Field, ...]) -> str:
    # A bar in a type would end the cell, in backquotes too.
    return ", ".join(f"`{field}`".replace("|", "\\|") for field in fields)
