"""The supervision trees of this process, as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pykka

from supervision.future import ReplyFuture
from supervision.process.application import Application, current

__all__ = ["described", "everybody", "find", "supervisors"]

_PATIENCE: Final = 1.0


def described() -> list[dict[str, Any]] | None:
    """Return the trees as plain values; None if their loop does not answer within a second. Not the loop's thread."""
    app = current()
    if app is None:
        return []
    found = ReplyFuture()

    def describe(app: Application = app) -> None:
        try:
            found.succeed([tree.describe() for tree in list(app.trees)])
        except Exception as error:  # whoever asked is told; the loop must go on
            found.fail(error)

    app.loop.call_soon(describe)
    try:
        return [tree for tree in found.get(timeout=_PATIENCE) if tree]
    except pykka.Timeout:
        return None


def supervisors(trees: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each supervisor with its path, `shop/web`; those above first."""
    for tree in trees:
        yield from _below(str(tree["name"]), tree)


def _below(path: str, node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, node
    for child in node["children"]:
        if "children" in child:
            yield from _below(f"{path}/{child['id']}", child)


def everybody(trees: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each child of each supervisor, with that supervisor's path."""
    for path, node in supervisors(trees):
        for child in node["children"]:
            yield path, child


def find(trees: list[dict[str, Any]], name: str) -> tuple[str, dict[str, Any]] | None:
    """Return the supervisor of this path, or with this as the last part of its path, where only one has it."""
    known = dict(supervisors(trees))
    if name in known:
        return name, known[name]
    ends = [(path, node) for path, node in known.items() if path.endswith(f"/{name}")]
    return ends[0] if len(ends) == 1 else None
