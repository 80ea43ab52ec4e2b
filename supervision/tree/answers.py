"""What those who asked a supervisor are given: refs in place of runners, exceptions in place of terms."""

from __future__ import annotations

from typing import Any

from supervision import decisions
from supervision.errors import RequestError, StartError

__all__ = ["grant", "refusal"]


def grant(value: Any) -> Any:
    """Return what a request that was granted returns to its caller."""
    if isinstance(value, decisions.StartedChild):
        ref = None if value.pid is None else _ref_of(value.pid)
        return ref if value.info is decisions.NO_INFO else (ref, value.info)
    if value == "ignore":  # Elixir's word, for what is None elsewhere
        return None
    if isinstance(value, list):
        return [row._replace(child=_ref_of(row.child)) for row in value]
    return value


def refusal(refused: decisions.Refused, error: BaseException | None) -> Exception:
    """Return the exception that a request that was refused raises.

    Args:
        refused: the decision.
        error: what the child's process raised, where a start failed of that.
    """
    reason = refused.reason
    if refused.failed:
        said = "" if error is None else f"\n\n{error.__cause__ or error}"
        failure = StartError(reason, f"the child did not start: {reason!r}{said}")
        failure.__cause__ = error
        return failure
    if isinstance(reason, tuple) and len(reason) == 2 and reason[0] == "already_started":
        reason = ("already_started", _ref_of(reason[1]))
    return RequestError(reason)


def _ref_of(child: Any) -> Any:
    return child if isinstance(child, str) else child.ref
