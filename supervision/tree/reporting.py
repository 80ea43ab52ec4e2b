"""How a child is named in reports: OTP's fields, in OTP's order."""

from __future__ import annotations

from typing import Any

from supervision.decisions import Offender

__all__ = ["offender_fields"]


def offender_fields(offender: Offender) -> dict[str, Any]:
    """Return pid (or nb_children), id, mfargs, restart_type, significant, shutdown, child_type."""
    spec = offender.spec
    runner: Any = offender.pid
    first: dict[str, Any] = (
        {"nb_children": offender.nb_children}
        if offender.nb_children is not None
        else {"pid": None if runner is None else runner.pid}
    )
    function, args, kwargs = spec.start
    return {
        **first,
        "id": offender.id,
        "mfargs": (
            f"{function.__module__}.{getattr(function, '__qualname__', function)}",
            args,
            dict(kwargs),
        ),
        "restart_type": spec.restart,
        "significant": spec.significant,
        "shutdown": spec.shutdown,
        "child_type": spec.type,
    }
