"""Events and outcomes of runs as lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from beamlens.cli.output import styled
from beamlens.report.text import one_line

__all__ = ["EventLine", "show_outcome"]

_SHOWN: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "beamlens.operator.run_started": ("begins", ("reason",)),
    "beamlens.operator.state_change": ("is", ("to", "reason")),
    "beamlens.operator.notification_sent": ("reports", ("notification",)),
    "beamlens.operator.execute_start": ("runs Lua", ("code",)),
    "beamlens.operator.execute_error": ("Lua failed", ("reason",)),
    "beamlens.operator.think": ("thinks", ("thought",)),
    "beamlens.operator.take_snapshot": ("takes a snapshot", ("snapshot_id",)),
    "beamlens.operator.resumed": ("died, and its run goes on", ("crashes",)),
    "beamlens.operator.llm_error": ("model failed", ("reason",)),
    "beamlens.operator.run_stopped": ("has ended", ("ending",)),
    "beamlens.coordinator.run_started": ("begins", ("trace_id",)),
    "beamlens.coordinator.invoke_operators": ("invokes", ("skills",)),
    "beamlens.coordinator.operator_crashed": ("hears of a crash", ("skill", "reason")),
    "beamlens.coordinator.think": ("thinks", ("thought",)),
    "beamlens.coordinator.insight_produced": ("concludes", ("insight",)),
    "beamlens.coordinator.resumed": ("died, and its run goes on", ("crashes",)),
    "beamlens.coordinator.llm_error": ("model failed", ("reason",)),
    "beamlens.coordinator.run_stopped": ("has ended", ("ending",)),
}
_STYLES: Final = {"warning": "yellow", "error": "red"}


class EventLine:
    """Print events, a line each.

    Args:
        target: where to.
        everything: all events with what they carry; else those that tell how a run goes, in words.
    """

    def __init__(self, target: Console, *, everything: bool = False) -> None:
        self._target = target
        self._everything = everything

    def __call__(self, event: dict[str, Any]) -> None:
        """Print an event, or leave it out."""
        name = str(event.get("name", ""))
        if not self._everything and name not in _SHOWN:
            return
        data: dict[str, Any] = event.get("metadata") or {}
        text = Text(_clock(event.get("at")), "dim")
        text.append("  ")
        text.append(styled(self._full(event, name, data) if self._everything else _words(name, data), _style(name)))
        self._target.print(text)

    def _full(self, event: dict[str, Any], name: str, data: dict[str, Any]) -> str:
        pairs = {**(event.get("measurements") or {}), **data}
        pairs.pop("system_time", None)
        shown = " ".join(f"{one_line(key)}={one_line(_brief(value), 80)}" for key, value in pairs.items())
        return f"{one_line(name.removeprefix('beamlens.'))}  {shown}"


def _words(name: str, data: dict[str, Any]) -> str:
    verb, keys = _SHOWN[name]
    who = data.get("operator") if ".operator." in name else "coordinator"
    return one_line(f"{who}  {verb}: {', '.join(one_line(_brief(data.get(key)), 160) for key in keys)}", 220)


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        said = next((value[key] for key in ("summary", "observation", "text", "ending", "id") if value.get(key)), None)
        return str(value if said is None else said)
    if isinstance(value, list):
        return ", ".join(_brief(each) for each in value[:8])
    return "-" if value is None else str(value)


def _clock(at: Any) -> str:
    return datetime.fromtimestamp(at).strftime("%H:%M:%S.%f")[:-3] if isinstance(at, float) else ""


def _style(name: str) -> str:
    from beamlens import telemetry

    try:
        return _STYLES.get(telemetry.describe(tuple(name.split("."))).severity, "")
    except LookupError:
        return ""


def show_outcome(target: Console, found: Mapping[str, Any]) -> None:
    """Print what a run of the coordinator came to."""
    ended = found["ending"]
    target.print(styled(f"run {found.get('trace_id', '')} ended: {ended}", "bold" if ended == "done" else "yellow"))
    if found.get("reason"):
        target.print(styled(f"since {found['reason']}"))
    for insight in found.get("insights", []):
        target.print()
        target.print(styled(insight["summary"], "bold"))
        if insight.get("root_cause_hypothesis"):
            target.print(styled(f"  cause: {insight['root_cause_hypothesis']}"))
        grounded = ", grounded" if insight.get("hypothesis_grounded") else ""
        target.print(styled(f"  {insight['correlation_type']}, confidence {insight['confidence']}{grounded}", "dim"))
        for observation in insight["matched_observations"]:
            target.print(styled(f"  - {observation}"))
    if not found.get("insights") and found.get("answer"):
        target.print(styled(found["answer"]))
    for note in found.get("notifications", []):
        target.print(styled(f"  {note['operator']}: {note['observation']} ({note['severity']})", "dim"))
