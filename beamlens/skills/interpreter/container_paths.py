"""How a container that was found is called, what file it belongs to, and whether it has a bound."""

from __future__ import annotations

import sys
from types import FunctionType, ModuleType
from typing import Any, Final

from beamlens.skills.interpreter.bounds import bound_of
from beamlens.skills.interpreter.holders import Kind, Node, attributes_by_name, class_names, has_dict, namespace
from beamlens.skills.interpreter.places import shown_file

__all__ = ["bound", "file", "path"]

_LONGEST: Final = 200
_CONTAINERS: Final = (Kind.SIZED, Kind.WRAPPED)


def path(node: Node) -> str:
    """Return `shop.cache.STORE._entries`; `[...]` stands for a key, which may be a secret."""
    parts: list[str] = []
    each: Node | None = node
    while each is not None:
        parts.append(_label(each))
        each = each.parent
    return ".".join(part for part in reversed(parts) if part).replace(".[", "[")[:_LONGEST]


def _label(node: Node) -> str:
    if node.label is not None or node.parent is None:
        return node.label or ""
    holder = node.parent
    if holder.kind is Kind.SIZED:
        grand = holder.parent
        if grand is not None and grand.kind is Kind.INSTANCE and _attribute_name(grand.value, holder.value) == "":
            return _name_of(holder.value, node.value) or "[...]"
        return "[...]"
    return _attribute_name(holder.value, node.value)


def _attribute_name(holder: Any, value: object) -> str:
    """Return the attribute of `holder` that is `value`: empty for its `__dict__`, `<?>` if it has no name."""
    try:
        if object.__getattribute__(holder, "__dict__") is value:
            return ""
    except AttributeError:
        pass
    return _name_of(attributes_by_name(holder), value) or "<?>"


def _name_of(names: dict[Any, Any], value: object) -> str | None:
    return next((str(name) for name, each in list(names.items()) if each is value), None)


def _holder(node: Node) -> Node | None:
    """Return the module, class, function or instance that a container belongs to."""
    each = node.parent
    while each is not None and each.kind in _CONTAINERS:
        each = each.parent
    return each


def bound(node: Node) -> int | None:
    """Return how many items a container may have, as it or its owner says; None if nothing is said."""
    value, holder = node.value, _holder(node)
    if node.kind is Kind.WRAPPED:
        most = value.cache_info().maxsize
        return int(most) if most is not None else None
    if getattr(type(value), "maxlen", None) is not None:
        return getattr(value, "maxlen", None)
    names: dict[str, Any] = {}
    if holder is not None and holder.kind is Kind.MODULE:
        names = namespace(holder.value)
    elif holder is not None and holder.kind is Kind.CLASS:
        names = class_names(holder.value)
    elif holder is not None and holder.kind is Kind.INSTANCE:
        names = {**class_names(type(holder.value)), **attributes_by_name(holder.value)}
    own = attributes_by_name(value) if has_dict(type(value)) else {}
    return bound_of(_label(node), {**names, **own})


def file(node: Node) -> str | None:
    """Return the file of the module, class or function that holds a container."""
    holder = _holder(node)
    value = holder.value if holder is not None else node.value
    if isinstance(value, FunctionType):
        return shown_file(value.__code__.co_filename)
    module = value
    if not isinstance(value, ModuleType):
        kind = value if isinstance(value, type) else type(value)
        module = sys.modules.get(str(class_names(kind).get("__module__")))
    found = namespace(module).get("__file__") if isinstance(module, ModuleType) else None
    return shown_file(found) if isinstance(found, str) else None
