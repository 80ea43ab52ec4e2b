"""Find the handle of a tree from inside one of its parts."""

from __future__ import annotations

from collections.abc import Iterator

from beamlens.lens import Lens
from supervision import RequestError, SupervisorRef
from supervision.process.application import current

__all__ = ["find_lens"]


def find_lens(tree: str) -> Lens | None:
    """Return the handle of the running tree whose registry has this name, wherever it is in the application's trees.

    A thread of the application that may block; not the loop's.
    """
    app = current()
    roots = [] if app is None else list(app.trees)
    return next((lens for root in roots for lens in _lenses(root) if _registry_of(lens) == tree), None)


def _lenses(above: SupervisorRef) -> Iterator[Lens]:
    if isinstance(above, Lens):
        yield above
        return  # there is no tree of ours below one of ours
    try:
        rows = above.which_children()
    except RequestError:
        return  # it has just ended
    for row in rows:
        if isinstance(row[1], SupervisorRef):
            yield from _lenses(row[1])


def _registry_of(lens: Lens) -> str | None:
    try:
        return str(lens.get_childspec("journal").start[2]["tree"])
    except RequestError:
        return None
