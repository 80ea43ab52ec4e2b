"""Real faults in real programs under real load, and healthy but busy programs beside them: what is found, what is not.

Each case is an application on uvicorn in a process of its own, with BeamLens' default skills and the rules provider
inside, and a load generator in another. It brews for some seconds; then the coordinator is asked what is wrong, again
and again as somebody on call would, until the truth is found or the time is over. A fault is found when the first
insight names its cause and its place. Whatever is reported of a healthy program is a false alarm, and so is what is
reported of a sick one that is neither its fault nor, by the table of causes, an effect of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from beamlens.llm.rules.causes import effects_between
from benchmarks.cases.surroundings import NotPossible, made
from benchmarks.cases.table import CASES, Case
from benchmarks.options import Options
from benchmarks.programs import Program, ProgramFailed
from benchmarks.report import Report, Target
from benchmarks.stats import percentile

__all__ = ["TARGETS", "Incident", "judge", "run"]

TARGETS: Final[dict[str, Target]] = {"recall": (">=", 0.9), "false_alarms": ("==", 0)}

_AT_ONCE: Final = 2
_LOOK_SECONDS: Final = 60.0
_BETWEEN_SECONDS: Final = 5.0
_LONGEST_SECONDS: Final = 90.0
_HEALTHY_LOOKS: Final = 3
_CONNECTIONS: Final = 32


@dataclass(slots=True)
class Incident:
    """Say how a case ended.

    Args:
        case: the program.
        found: whether its fault was; of a healthy one False.
        cause: the cause that was named first; None: none was.
        said: what the last look's first insight says.
        alarms: what was reported and is not true, by `operator.anomaly_type`.
        seconds: from the beginning of the load to the end.
        failed: why it could not be run; empty: it was.
        possible: whether this machine can give the program the surroundings that it needs.
    """

    case: Case
    found: bool = False
    cause: str | None = None
    said: str = ""
    alarms: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    failed: str = ""
    possible: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, for machines."""
        return {
            "case": self.case.name,
            "healthy": self.case.healthy,
            "found": self.found,
            "expected": list(self.case.causes),
            "cause": self.cause,
            "said": self.said,
            "false_alarms": self.alarms,
            "seconds": round(self.seconds, 1),
            "failed": self.failed,
        }


def run(options: Options, report: Report) -> None:
    """Run all cases and keep the figures."""
    report.title("Incidents: what the rules find without a model")
    report.header("program", "found", "seconds", "  cause")
    chosen = _chosen(options)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        incidents = []
        for incident in pool.map(lambda case: _play(case, options), chosen):
            incidents.append(incident)
            report.row(incident.case.name, _word(incident), incident.seconds, f"  {_said(incident)}")
    sick = [each for each in incidents if not each.case.healthy and each.possible]
    found = [each for each in sick if each.found]
    report.figure("recall", len(found) / max(1, len(sick)))
    report.figure("false_alarms", sum(len(each.alarms) for each in incidents))
    report.figure("incidents", len(sick))
    report.figure("healthy", sum(each.case.healthy and each.possible for each in incidents))
    report.figure("failed", sum(bool(each.failed) and each.possible for each in incidents))
    report.figure("not_possible_here", sum(not each.possible for each in incidents))
    if found:
        report.figure("found_seconds_p50", percentile([each.seconds for each in found], 50), 1)
    report.table("cases", [each.to_dict() for each in incidents])
    report.verdicts(TARGETS)


def _chosen(options: Options) -> Sequence[Case]:
    """Return the cases to run: all, or in the short forms one sick and one healthy program of a skill, or of one."""
    if not (options.quick or options.smoke):
        return CASES
    firsts = {(case.skill, case.healthy): case for case in reversed(CASES)}
    picked = [case for case in CASES if firsts[case.skill, case.healthy] is case]
    return [case for case in picked if case.skill == "exception"] if options.smoke else picked


def _word(incident: Incident) -> str:
    if incident.failed:
        return "failed" if incident.possible else "not here"
    return "healthy" if incident.case.healthy else "yes" if incident.found else "NO"


def _said(incident: Incident) -> str:
    if incident.failed:
        return incident.failed
    alarms = f"; false alarms: {', '.join(incident.alarms)}" if incident.alarms else ""
    return f"{incident.cause or '-'}{alarms}"


# -- one case ----------------------------------------------------------------------------------------


def _play(case: Case, options: Options) -> Incident:
    incident = Incident(case)
    try:
        with made(case.surroundings) as surroundings:
            given = json.dumps({"surroundings": surroundings, "options": case.options})
            with Program("benchmarks.cases.host", [f"benchmarks.cases.{case.program}", given]) as host:
                told = host.hear()
                if "not_possible" in told:
                    raise NotPossible(told["not_possible"])
                with Program("benchmarks.web.load", [str(told["port"])]) as load:
                    _look_until_found(case, options, host, load, incident)
    except ProgramFailed as error:
        incident.failed = str(error)
    except NotPossible as error:
        incident.failed, incident.possible = str(error), False
    return incident


def _look_until_found(case: Case, options: Options, host: Program, load: Program, incident: Incident) -> None:
    longest = 30.0 if options.smoke else _LONGEST_SECONDS
    begun = time.monotonic()
    load.tell(
        do="pace", seconds=longest + _LOOK_SECONDS, connections=_CONNECTIONS, rate=case.rate, routes=list(case.routes)
    )
    time.sleep(case.brewing)
    alarms: dict[str, str] = {}
    looks = 0
    while True:
        question = {"reason": "customers complain", "deadline": _LOOK_SECONDS}
        outcome = host.ask(_LOOK_SECONDS + 30.0, do="investigate", **question)["outcome"]
        looks += 1
        incident.seconds = time.monotonic() - begun
        cause, found = judge(case, outcome)
        incident.cause, incident.found = cause or incident.cause, found
        incident.said = next((one["summary"] for one in outcome["insights"]), "")
        alarms |= false_alarms(case, outcome)
        enough = looks >= _HEALTHY_LOOKS if case.healthy else found
        if enough or incident.seconds + _BETWEEN_SECONDS > longest:
            break
        time.sleep(_BETWEEN_SECONDS * (3 if case.healthy else 1))
    incident.alarms = alarms


def judge(case: Case, outcome: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Return the cause that an outcome's first insight names, and whether it is the truth, with its place. Pure."""
    insight = next((one for one in outcome["insights"] if one["notification_ids"]), None)
    if insight is None:
        return None, False
    hypothesis = str(insight.get("root_cause_hypothesis") or "")
    cited = {one["id"]: one for one in outcome["notifications"]}
    causes = [_cause(cited[each]) for each in insight["notification_ids"] if each in cited]
    named = sorted((place, cause) for cause in causes if (place := hypothesis.find(cause)) >= 0)
    cause = named[0][1] if named else causes[0] if causes else None
    said = f"{hypothesis} {insight['summary']}"
    return cause, cause in case.causes and any(text in said for text in case.named)


def false_alarms(case: Case, outcome: Mapping[str, Any]) -> dict[str, str]:
    """Return what was reported, more than information, that is neither the fault nor an effect of it. Pure.

    Returns:
        What was observed, by `operator.anomaly_type`.
    """
    return {
        f"{one['operator']}.{one['anomaly_type']}": one["observation"]
        for one in outcome["notifications"]
        if one["severity"] != "info" and not _follows(case, _cause(one))
    }


def _cause(notification: Mapping[str, Any]) -> str:
    """Return a finding's cause; of a check that has none in the table its name."""
    return str(notification["cause"] or notification["anomaly_type"])


def _follows(case: Case, cause: str) -> bool:
    return any(cause == true or effects_between(true, cause) for true in case.causes)
