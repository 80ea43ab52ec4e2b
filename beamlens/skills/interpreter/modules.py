"""Which modules are loaded, and whose."""

from __future__ import annotations

import sys
from collections import Counter
from types import ModuleType
from typing import Any

from beamlens.skills.interpreter.holders import namespace
from beamlens.skills.interpreter.places import owner_of, shown_file

__all__ = ["loaded_modules"]


def loaded_modules(limit: int) -> dict[str, Any]:
    """Return how many modules are loaded, by whose they are, and the last that were, the newest first.

    Args:
        limit: of the newest ones.
    """
    modules = [(name, module) for name, module in list(sys.modules.items()) if isinstance(module, ModuleType)]
    files = [(name, namespace(module).get("__file__")) for name, module in modules]
    owners = Counter(owner_of(file) if isinstance(file, str) else "standard" for _, file in files)
    packages = Counter(name.partition(".")[0] for name, _ in modules)
    return {
        "total": len(modules),
        "application": owners["application"],
        "library": owners["library"],
        "standard": owners["standard"],
        "largest_packages": [{"package": name, "modules": count} for name, count in packages.most_common(limit)],
        "newest": [
            {"name": name[:120], "file": shown_file(file) if isinstance(file, str) else None}
            for name, file in files[: -limit - 1 : -1]
        ],
    }
