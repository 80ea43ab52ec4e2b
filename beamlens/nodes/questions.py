"""What may be asked of the elected process: a fixed table. Nothing in it changes the program or names code to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import pykka

from beamlens import telemetry
from beamlens.control.finding import find_lens
from beamlens.coordinator.messages import Await, Outcome
from beamlens.errors import BeamlensError
from beamlens.lens import Lens
from beamlens.nodes.messages import Trouble
from supervision import SupervisionError

__all__ = ["ESCALATION", "questions"]

ESCALATION: Final = ("beamlens", "anomaly", "detector", "escalation")


def _run(lens: Lens, asked: Any, seconds: float | None) -> Any:
    return lens.follower(replace(asked, caller=None)).wait(seconds)


def _invoke(lens: Lens, given: Any, seconds: float | None) -> Any:
    operator, asked = given
    return lens.operator(operator).follower(replace(asked, notify=None)).wait(seconds)


def _await(lens: Lens, given: Any, seconds: float | None) -> Any:
    operator, run_id = given
    if operator is not None:
        return lens.operator(operator).await_(run_id, timeout=seconds)
    answer = lens.coordinator.ask(Await(run_id), timeout=seconds)
    return answer if isinstance(answer, Outcome) else None


def _message(lens: Lens, given: Any, _: float | None) -> Any:
    operator, text, patience = given
    return lens.operator(operator).message(text, timeout=patience)


def _cancel(lens: Lens, given: Any, _: float | None) -> Any:
    operator, run_id = given
    return (lens if operator is None else lens.operator(operator)).cancel(run_id)


def _escalated(_lens: Lens, anomalies: Any, _: float | None) -> None:
    telemetry.emit(ESCALATION, {"anomaly_count": len(anomalies)}, {"anomalies": anomalies})


_QUESTIONS: Final[Mapping[str, Callable[[Lens, Any, float | None], Any]]] = {
    "run": _run,
    "invoke": _invoke,
    "await": _await,
    "message": _message,
    "cancel": _cancel,
    "status": lambda lens, _, __: lens.status(),
    "operators": lambda lens, _, __: lens.list_operators(),
    "operator_status": lambda lens, name, _: lens.operator_status(name),
    "nodes": lambda lens, _, __: lens.nodes(),
    "usage": lambda lens, _, __: lens.usage(),
    "escalated": _escalated,
}


def questions(tree: str) -> dict[str, Callable[[Any, float | None], Any]]:
    """Return the questions by name, as functions of its value and of the seconds it may take; they never raise.

    Args:
        tree: names the registry of this process' tree.
    """
    return {name: partial(_answered, tree, question) for name, question in _QUESTIONS.items()}


def _answered(tree: str, question: Callable[[Lens, Any, float | None], Any], value: Any, seconds: float | None) -> Any:
    lens = find_lens(tree)
    if lens is None:
        return Trouble("unavailable", "the tree is just starting or ending")
    try:
        return question(lens.here(), value, seconds)
    except pykka.Timeout as error:
        return Trouble("timeout", str(error))
    except (pykka.ActorDeadError, SupervisionError, KeyError) as error:
        return Trouble("unavailable", f"the part that should answer is not there: {error}")
    except BeamlensError as error:
        return Trouble(type(error).__name__, str(error))
    except (TypeError, ValueError) as error:
        return Trouble("BeamlensError", f"the question cannot be read: {error}")
