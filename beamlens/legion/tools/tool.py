"""A tool: a module, class, object or function that generated code may call, under a name of its own."""

from __future__ import annotations

import functools
import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from beamlens.errors import ConfigurationError
from beamlens.legion.tools.function import ToolFunction
from beamlens.legion.type_docs import definitions

__all__ = ["Tool", "tool_of"]

# What Lua itself has under a name, and what the sandbox keeps from code: a tool of that name would confuse the model.
_LIBRARIES: Final = (
    *("string", "table", "math", "os", "utf8", "io", "debug", "package", "coroutine", "assert", "error", "ipairs"),
    *("next", "pairs", "pcall", "rawequal", "rawget", "rawlen", "rawset", "select", "tonumber", "tostring", "type"),
    *("load", "require", "print", "help"),
)
_WORDS: Final = frozenset(
    (
        *("and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local"),
        *("nil", "not", "or", "repeat", "return", "then", "true", "until", "while", "_G", "_ENV"),
    )
)
_TAKEN: Final = _WORDS.union(_LIBRARIES)
_DATA: Final = (bool, int, float, str, bytes, list, tuple, set, dict)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tool:
    """Give a tool another name or description than its own.

    Args:
        target: a module, class, object or function.
        name: how Lua knows it; its own name by default, a module's last part.
        description: what the model is told beside its functions; its docstring by default.
        waits: whether its calls wait for somebody: then the evaluation's clock stands still meanwhile.
    """

    target: Any
    name: str = ""
    description: str = ""
    waits: bool = field(default=False)


@dataclass(frozen=True, slots=True)
class BoundTool:
    """Hold a tool that is ready to be called.

    Args:
        name: how Lua knows it.
        description: what it is for.
        functions: by the names that Lua calls, `Orders.find`, or `today` for a function that is a tool by itself.
        config: of this tool.
        waits: whether its calls wait for somebody.
        target: what the user gave.
    """

    name: str
    description: str
    functions: Mapping[str, ToolFunction]
    config: Mapping[str, Any]
    waits: bool
    target: Any

    @property
    def source(self) -> str:
        """Return what the user wrote; empty where it cannot be found. Reads and parses a file: not for every start."""
        return _source(self.target)

    @property
    def summary(self) -> str:
        """Return the first line of the description."""
        return self.description.partition("\n")[0]

    @property
    def docs(self) -> str:
        """Return signatures and docstrings for the model, and what their types are."""
        parts = [f"### {self.name}", *([self.description] if self.description else [])]
        parts += [function.docs for function in self.functions.values()]
        parts += definitions(hint for function in self.functions.values() for hint in function.hints.values())
        return "\n\n".join(parts)


def tool_of(given: Any, config: Mapping[str, Any]) -> BoundTool:
    """Make a tool ready. In the agent's process.

    Args:
        given: what `tools()` returned: a `Tool`, or what can be one.
        config: what `tool_config` returned for it.

    Raises:
        ConfigurationError: it has no public function, or a name that cannot be.
    """
    tool = given if isinstance(given, Tool) else Tool(given)
    target = tool.target
    if target is None or isinstance(target, _DATA):
        raise ConfigurationError(f"{target!r:.80} is no tool; a module, class, object or function is expected")
    name = tool.name or _name_of(target)
    if not _NAME.match(name) or name in _TAKEN:
        why = "Lua has that name itself" if name in _TAKEN else "Lua could not call it"
        raise ConfigurationError(f'a tool cannot be named {name!r}: {why}; give it another: Tool({name}, name="...")')
    waits = tool.waits or bool(getattr(target, "waits_for_others", False))
    functions = {called: ToolFunction(called, function) for called, function in _functions(name, target, config)}
    if not functions:
        raise ConfigurationError(f"the tool {name} has no public function; tools are functions, or have some")
    description = tool.description
    if not _is_one_function(target) and not description:  # else the function's own documentation says it
        description = inspect.getdoc(target) or ""
    return BoundTool(name, description, functions, config, waits, target)


def _name_of(target: Any) -> str:
    if isinstance(target, functools.partial):
        return _name_of(target.func)
    named = target if hasattr(target, "__name__") else type(target)
    return str(named.__name__).rpartition(".")[2]


def _is_one_function(target: Any) -> bool:
    return inspect.isroutine(target) or isinstance(target, functools.partial)


def _functions(name: str, target: Any, config: Mapping[str, Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    if _is_one_function(target):
        yield name, target
        return
    owner: Any = _instance(target, config) if isinstance(target, type) else target
    if not isinstance(target, types.ModuleType) and not _public_names(target) and callable(owner):
        yield name, owner  # all that it has is being called
    for attribute in _public_names(target):
        if not _is_function(owner, attribute):
            continue
        function = getattr(owner, attribute)
        if _is_offered(function, target):
            _check_name(f"{name}.{attribute}", attribute)
            yield f"{name}.{attribute}", function


def _check_name(called: str, attribute: str) -> None:
    if attribute in _WORDS or not _NAME.match(attribute):
        raise ConfigurationError(f"{called} cannot be called from Lua; give it another name, or one that begins with _")


def _instance(target: type[Any], config: Mapping[str, Any]) -> Any:
    takes_config = target.__init__ is not object.__init__
    try:
        return target(**config) if takes_config else target()
    except TypeError as error:
        raise ConfigurationError(
            f"the tool {target.__qualname__} cannot be made of its tool_config, which has "
            f"{', '.join(config) or 'nothing'}: {error}"
        ) from error


def _public_names(target: Any) -> list[str]:
    if isinstance(target, types.ModuleType):
        found = list(vars(target))
    else:
        cls = target if isinstance(target, type) else type(target)
        # In the order of writing, a base's first.
        found = [name for base in reversed(cls.__mro__) if base is not object for name in vars(base)]
    return [name for name in dict.fromkeys(found) if not name.startswith("_")]


def _is_function(owner: Any, attribute: str) -> bool:
    """Tell whether an attribute is one; without reading it, since a property may do anything."""
    found = inspect.getattr_static(owner, attribute, None)
    return isinstance(found, classmethod | staticmethod) or (callable(found) and not isinstance(found, type))


def _is_offered(function: Any, target: Any) -> bool:
    if not inspect.isroutine(function):
        return False
    # What a module only imports is not its own.
    return not isinstance(target, types.ModuleType) or getattr(function, "__module__", None) == target.__name__


def _source(target: Any) -> str:
    shown = target if inspect.isroutine(target) or isinstance(target, type | types.ModuleType) else type(target)
    try:
        return inspect.getsource(shown)
    except (OSError, TypeError):
        return ""
