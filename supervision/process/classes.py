"""Finding actor classes by the names under which other processes know them."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from supervision.errors import SpecError

__all__ = ["find_class", "load_class", "main_name"]


def load_class(path: str) -> type[Any]:
    """Return the class that `module:qualified.name` means, importing the module.

    Raises:
        SpecError: there is no such class.
    """
    module, _, qualname = path.partition(":")
    if module not in sys.modules and module == main_name():
        path = f"__main__:{qualname}"  # under its own name it would be run a second time
        module = "__main__"
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise SpecError(("unimportable", path), f"{path}: {error}") from error
    found = find_class(path)
    if found is None:
        raise SpecError(("unimportable", path), f"{module} has no class {qualname}")
    return found


def main_name() -> str:
    """Return by what name another process imports the program's main module."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec.name if spec is not None and spec.name != "__mp_main__" else "__main__"


def find_class(path: str) -> type[Any] | None:
    """Return the class that `module:qualified.name` means if its module is imported already."""
    module, _, qualname = path.partition(":")
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) else None
