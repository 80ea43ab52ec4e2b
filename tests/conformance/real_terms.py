"""Between the words of the scenarios and the library's values."""

from __future__ import annotations

from typing import Any

from supervision import StartError
from supervision.decisions import NO_INFO, Call, StartedChild
from tests.conformance.children import FAILURES

__all__ = ["as_otp", "fail", "prefix", "started", "target"]

# What Python raises, and what the scenarios call it.
RAISED: dict[Any, Any] = {
    ("RuntimeError", "boom"): ("EXIT", "boom"),
    ("RuntimeError", "crash"): "crash",
}


def fail(outcome: str) -> object:
    if outcome == "bad":
        return FAILURES[outcome]
    if outcome == "raise":
        raise RuntimeError("boom")
    raise StartError(FAILURES[outcome], "as the scenario wants")


def started(found: Any) -> StartedChild:
    ref, info = found if isinstance(found, tuple) else (found, NO_INFO)
    return StartedChild(ref, info)


def target(call: Call) -> object:
    spec = getattr(call, "spec", None)
    return spec.get("id") if isinstance(spec, dict) else getattr(call, "target", "")


def prefix(path: str) -> str:
    return path.rpartition("/")[0] + "/" if "/" in path else ""


def as_otp(term: Any) -> Any:
    if isinstance(term, tuple):
        return RAISED.get(term) or tuple(as_otp(item) for item in term) if _hashable(term) else term
    return term


def _hashable(term: object) -> bool:
    try:
        hash(term)
    except TypeError:
        return False
    return True
