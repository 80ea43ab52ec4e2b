"""Run Lua that a model wrote, in throw-away processes that can do nothing but compute.

Names are imported when they are first used: the fork server and its children need few of them.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from beamlens.sandbox.evaluation import Evaluation as Evaluation
    from beamlens.sandbox.evaluation import SandboxError as SandboxError
    from beamlens.sandbox.launch import SpawnError as SpawnError
    from beamlens.sandbox.levels import Level as Level
    from beamlens.sandbox.levels import describe_level as describe_level
    from beamlens.sandbox.levels import level as level
    from beamlens.sandbox.limits import Limits as Limits
    from beamlens.sandbox.sandbox import Sandbox as Sandbox
    from beamlens.sandbox.server import SandboxServer as SandboxServer
    from beamlens.sandbox.server import SandboxStartError as SandboxStartError
    from beamlens.sandbox.session import Session as Session

_HOME_OF = {
    "Evaluation": "evaluation",
    "Level": "levels",
    "Limits": "limits",
    "Sandbox": "sandbox",
    "SandboxError": "evaluation",
    "SandboxServer": "server",
    "SandboxStartError": "server",
    "Session": "session",
    "SpawnError": "launch",
    "describe_level": "levels",
    "level": "levels",
}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    """Import a public name from the module that defines it."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'beamlens.sandbox' has no attribute {name!r}")
    found = getattr(_importlib.import_module(f"beamlens.sandbox.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*globals(), *_HOME_OF])
