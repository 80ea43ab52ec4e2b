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


def _run(lens: Lens, asked: Any) -> Any:
    return lens.follower(replace(asked, caller=None)).wait()


def _invoke(lens: Lens, given: Any) -> Any:
    operator, asked = given
    return lens.operator(operator).follower(replace(asked, notify=None)).wait()


def _await(lens: Lens, given: Any) -> Any:
    operator, run_id = given
    if operator is not None:
        return lens.operator(operator).await_(run_id)
    answer = lens.coordinator.ask(Await(run_id))
    return answer if isinstance(answer, Outcome) else None


def _message(lens: Lens, given: Any) -> Any:
    operator, text, seconds = given
    return lens.operator(operator).message(text, timeout=seconds)


def _cancel(lens: Lens, given: Any) -> Any:
    operator, run_id = given
    return (lens if operator is None else lens.operator(operator)).cancel(run_id)


def _escalated(_lens: Lens, anomalies: Any) -> None:
    telemetry.emit(ESCALATION, {"anomaly_count": len(anomalies)}, {"anomalies": anomalies})


_QUESTIONS: Final[Mapping[str, Callable[[Lens, Any], Any]]] = {
    "run": _run,
    "invoke": _invoke,
    "await": _await,
    "message": _message,
    "cancel": _cancel,
    "status": lambda lens, _: lens.status(),
    "operators": lambda lens, _: lens.list_operators(),
    "operator_status": lambda lens, name: lens.operator_status(name),
    "nodes": lambda lens, _: lens.nodes(),
    "escalated": _escalated,
}


def questions(tree: str) -> dict[str, Callable[[Any], Any]]:
    """Return the questions by name, as functions of what a question carries. They may block, and never raise.

    Args:
        tree: names the registry of this process' tree.
    """
    return {name: partial(_answered, tree, question) for name, question in _QUESTIONS.items()}


def _answered(tree: str, question: Callable[[Lens, Any], Any], value: Any) -> Any:
    lens = find_lens(tree)
    if lens is None:
        return Trouble("unavailable", "the tree is just starting or ending")
    try:
        return question(lens.here(), value)
    except pykka.Timeout as error:
        return Trouble("timeout", str(error))
    except (pykka.ActorDeadError, SupervisionError, KeyError) as error:
        return Trouble("unavailable", f"the part that should answer is not there: {error}")
    except BeamlensError as error:
        return Trouble(type(error).__name__, str(error))
    except (TypeError, ValueError) as error:
        return Trouble("BeamlensError", f"the question cannot be read: {error}")
