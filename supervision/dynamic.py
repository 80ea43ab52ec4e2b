"""DynamicSupervisor: children that come and go, each with a specification of its own (Elixir's)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from supervision import decisions
from supervision.supervisor import Supervisor

__all__ = ["DynamicSupervisor"]


class DynamicSupervisor(Supervisor):
    """Start children on demand, one_for_one; ids are not needed to be unique and are ignored.

    `start_child(spec)` returns the ref of that incarnation; `ref.following()` follows its restarts.
    `terminate_child` takes such a ref. At the end all children are stopped at once, each within its own
    shutdown time. OTP's `simple_one_for_one` is `Supervisor` with that strategy.
    """

    def init(  # type: ignore[override]
        self,
        *,
        intensity: Any = 3,
        period: Any = 5,
        max_children: int | None = None,
        extra_arguments: Iterable[Any] = (),
        strategy: Any = "one_for_one",
        auto_shutdown: Any = "never",
    ) -> Any:
        """Return `(flags, options)`.

        Args:
            intensity, period: how many restarts within how many seconds are fine, for all children together;
                `own_budget` in a child's specification counts that child alone.
            max_children: how many children there may be, restarting ones included; None for any number.
            extra_arguments: put before the arguments of every child.
            strategy, auto_shutdown: only the defaults are possible.
        """
        flags = {
            "strategy": strategy,
            "intensity": intensity,
            "period": period,
            "auto_shutdown": auto_shutdown,
        }
        return flags, {"max_children": max_children, "extra_arguments": tuple(extra_arguments)}

    @classmethod
    def has_own_init(cls) -> bool:
        """Tell whether a subclass brings an `init` of its own, which may block."""
        return cls.init is not DynamicSupervisor.init

    @classmethod
    def make_state(cls, flags: Any, children: Any) -> decisions.State:
        """Return the decisions' state for what `init` returned."""
        seed = int.from_bytes(os.urandom(4), "little")
        return decisions.initial(flags, (), "dynamic", seed=seed, **children)
