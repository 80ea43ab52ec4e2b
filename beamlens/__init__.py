"""Look at a running Python application from inside its supervision tree, with LLM-driven operators.

Names are imported when they are first used: the application's process imports little and stays quick.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from beamlens.domain import Completion as Completion
    from beamlens.domain import Insight as Insight
    from beamlens.domain import Notification as Notification
    from beamlens.domain import Snapshot as Snapshot
    from beamlens.errors import BeamlensError as BeamlensError
    from beamlens.errors import ConfigurationError as ConfigurationError
    from beamlens.errors import DeadlineExceeded as DeadlineExceeded
    from beamlens.errors import ModelFailed as ModelFailed
    from beamlens.errors import RunCancelled as RunCancelled
    from beamlens.errors import UnknownOperator as UnknownOperator
    from beamlens.lens import Lens as Lens
    from beamlens.llm.budget import Budget as Budget
    from beamlens.operator_handle import OperatorHandle as OperatorHandle
    from beamlens.skills.checks import Check as Check
    from beamlens.skills.checks import Pattern as Pattern
    from beamlens.skills.checks import Rate as Rate
    from beamlens.skills.checks import Threshold as Threshold
    from beamlens.skills.checks import Trend as Trend
    from beamlens.skills.functions import skill as skill
    from beamlens.skills.skill import Skill as Skill
    from beamlens.supervisor import Beamlens as Beamlens

__version__ = "0.1.0"

_HOMES = {
    "beamlens.domain": ["Completion", "Insight", "Notification", "Snapshot"],
    "beamlens.errors": [
        "BeamlensError",
        "ConfigurationError",
        "DeadlineExceeded",
        "ModelFailed",
        "RunCancelled",
        "UnknownOperator",
    ],
    "beamlens.lens": ["Lens"],
    "beamlens.llm.budget": ["Budget"],
    "beamlens.operator_handle": ["OperatorHandle"],
    "beamlens.skills.checks": ["Check", "Pattern", "Rate", "Threshold", "Trend"],
    "beamlens.skills.functions": ["skill"],
    "beamlens.skills.skill": ["Skill"],
    "beamlens.supervisor": ["Beamlens"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF)]  # noqa: PLE0604


def __getattr__(name: str) -> object:
    """Import a public name from the module that defines it."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'beamlens' has no attribute {name!r}")
    found = getattr(_importlib.import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*globals(), *_HOME_OF])
