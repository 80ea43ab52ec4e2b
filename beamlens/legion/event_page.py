"""The table of Legion's events as a page of the documentation: docs/legion-events.md is what `page` returns."""

from __future__ import annotations

from typing import Final

from beamlens.legion.event_table import events
from beamlens.telemetry.event import Event, Field

__all__ = ["page"]

_HEAD: Final = """\
# Events of Legion

`python -m beamlens.legion events` prints this page; do not edit it.

{count} events, each a tuple of strings: `("legion", "iteration", "start")` is written `iteration.start` here. Attach to
one with `legion.telemetry.attach(id, name, handler)`, to all with
`attach_many(id, legion.telemetry.event_names(), handler)`; or log them with
`legion.telemetry.attach_default_logger(level="info", events="all")`. Handlers in the application hear the events of all
agents, which run in processes of their own. `legion.telemetry.check(name, measurements, metadata)` holds an event
against this table. Events of one agent arrive in their order.

- `system_time` is nanoseconds since the epoch, `duration` monotonic nanoseconds.
- `run_id` names the agent: the same for all its turns, and over the death of its process. `parent_run_id` is there only
  where another agent started it. Both are put into every event that does not bring its own.
- `agent` is the class, `module.Class`.
- `message` and `code`, `result` and `bindings` are the full values: attach what may see them.
- A key with `?` may be missing. `object` is any value.

## In what order

A turn tells `agent.message.start`, its iterations, `agent.message.stop`. An iteration tells `iteration.start`,
`llm.request.start`, `llm.request.stop`, and for an evaluation `sandbox.eval.start` and `sandbox.eval.stop`.

**Iterations are nested in each other**, as in Legion 0.4.0: the second one starts before the first one stops, all of
them stop in reverse order when the turn ends, and the duration of each contains those after it. That was chosen since
a consumer of Legion's events relies on it (a span is closed by the stop of the same iteration, the outermost one last)
and since the first iteration's duration is then that of all the work. What this means for a consumer: do not wait for
`iteration.stop` to know that a step is over; `llm.request.stop` and `sandbox.eval.stop` say that.

- A retry is a further iteration with the same number.
- `action` is None where the step failed: the request failed, the reply could not be used, the code failed.
- Reaching `max_iterations` or `max_retries` opens no further iteration.
- `iterations` of `agent.message.stop` counts the model's replies that were kept in the conversation, code that failed
  among them; replies that could not be used and requests that failed are not.
- A request that fails is a `llm.request.stop` with `error`. `exception` events are for what is nobody's normal course:
  they are told first, then the same error goes on.
- An agent whose start fails tells neither `started` nor `stopped`; one that is killed tells no `stopped`, and its
  successor `started` again. A turn that goes on after that tells `agent.message.start` again.

"""

_COLUMNS: Final = "| event | measurements | metadata | when | since |\n|---|---|---|---|---|\n"


def page() -> str:
    """Return the page, as Markdown."""
    return _HEAD.format(count=len(events())) + _COLUMNS + "".join(map(_row, events()))


def _row(event: Event) -> str:
    since = "Legion 0.5" if event.since == "ours" else f"Legion {event.since}"
    cells = [f"`{'.'.join(event.name[1:])}`", _cell(event.measurements), _cell(event.metadata), event.meaning, since]
    return f"| {' | '.join(cells)} |\n"


def _cell(fields: tuple[Field, ...]) -> str:
    return ", ".join(f"`{field}`".replace("|", "\\|") for field in fields)
