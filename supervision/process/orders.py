"""What makes a spare an actor: packed once, sent at each start."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from supervision import telemetry
from supervision.errors import MessageError, SpecError
from supervision.process.classes import main_name
from supervision.process.envelopes import outer
from supervision.process.frames import frame
from supervision.process.protocol import PROMOTE
from supervision.process.wire import Codec

__all__ = ["SCRIPT", "Orders", "class_path", "main_file", "module_to_learn"]

SCRIPT = "script:"  # in front of the path of the program's script among the modules to import


class Orders:
    """Hold what a process needs to become one actor.

    Args:
        codec: packs them.
        urn: the actor's URN.
        name: its child id, or None.
        actor_class: its class, which the process must be able to import.
        args, kwargs: what the constructor is given.

    Raises:
        SpecError: the class cannot be imported by another process; the text says what to do.
        MessageError: an argument cannot be sent.
    """

    def __init__(
        self,
        codec: Codec,
        urn: str,
        name: object,
        actor_class: type[Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.urn = urn
        self._codec = codec
        self._content: dict[str, Any] = {
            "class": class_path(actor_class),
            "main": main_file() if actor_class.__module__ in ("__main__", "__mp_main__") else None,
            "urn": urn,
            "name": name if isinstance(name, str | int) else None,
            # Packed by themselves: they may hold values that only the class' module makes known.
            "given": _packed(codec, args, kwargs),
            "environment": _environment(actor_class, args, kwargs),
        }
        self._surroundings: tuple[list[str], frozenset[tuple[str, ...]], int] = ([], frozenset(), -1)
        self._ready: tuple[int, bytes] | None = None
        self._body = codec.encode(self._content)  # what cannot be sent is refused here, not at some later restart

    def packed(self, incarnation: int) -> bytes:
        """Return the frame for one start; it stands packed when `prepare` was called for it."""
        ready = self._ready
        if ready is not None and ready[0] == incarnation and self._is_current():
            return ready[1]
        return self._pack(incarnation)

    def prepare(self, incarnation: int) -> None:
        """Pack the frame of a start to come, while there is time."""
        self._ready = (incarnation, self._pack(incarnation))

    def _is_current(self) -> bool:
        path, interests, level = self._surroundings
        return path == sys.path and interests == telemetry.interested() and level == logging.getLogger().level

    def _pack(self, incarnation: int) -> bytes:
        if not self._is_current():
            path, interests, level = list(sys.path), telemetry.interested(), logging.getLogger().level
            self._surroundings = (path, interests, level)
            told = {"sys_path": path, "interests": [list(name) for name in interests], "log_level": level}
            self._body = self._codec.encode({**self._content, **told})
        return frame(outer(self._codec).encode([PROMOTE, incarnation, self._body]))


def _packed(codec: Codec, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    try:
        return codec.encode([list(args), dict(kwargs)])
    except MessageError as error:
        path = error.path.replace("message[0]", "args", 1).replace("message[1]", "kwargs", 1)
        raise MessageError(path.replace("message", "the arguments", 1), error.problem) from error


def _environment(actor_class: type[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, str]:
    asks = getattr(actor_class, "environment", None)
    names = asks(*args, **kwargs) if asks is not None else ()
    return {name: os.environ[name] for name in names if name in os.environ}


def module_to_learn(actor_class: type[Any]) -> str:
    """Return what a fork server imports ahead for actors of this class."""
    module = class_path(actor_class).partition(":")[0]
    return f"{SCRIPT}{main_file()}" if module == "__main__" else module


def class_path(actor_class: type[Any]) -> str:
    """Return `module:qualified.name`, having made sure that another process can find the class there."""
    module, qualname = actor_class.__module__, actor_class.__qualname__
    if module in ("__main__", "__mp_main__"):
        module = main_name()
    if "<locals>" in qualname:
        raise SpecError(
            ("unimportable", f"{module}.{qualname}"),
            f"{module}.{qualname} is defined inside a function, where another process cannot find it; "
            "move the class to the top level of its module",
        )
    found: Any = sys.modules.get(actor_class.__module__)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if found is not actor_class:
        raise SpecError(
            ("unimportable", f"{module}.{qualname}"),
            f"{module}.{qualname} is not this class any more (it was defined again, or decorated, or its module "
            "was never imported by name), so another process would find something else; "
            "define it once, at the top level of a module",
        )
    if module == "__main__" and main_file() is None:
        raise SpecError(
            ("unimportable", f"__main__.{qualname}"),
            f"{qualname} is defined in an interactive session or a notebook cell (or its program is no file), which "
            "another process cannot import; write the class into a .py file and import it from there",
        )
    return f"{module}:{qualname}"


def main_file() -> str | None:
    """Return the path of the program's script, None when it has none."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    path = getattr(spec, "origin", None) or getattr(main, "__file__", None)
    return path if isinstance(path, str) and os.path.isfile(path) else None
