"""Find large containers by walking from the modules' namespaces, as a reader of the code would name them.

Only what modules, classes, instances, closures and threads' targets hold is followed, a few steps deep, and never
into a container that is large itself: so the cost does not depend on how many objects there are. No code of the
application runs: no property, no `__len__`, no `__getattr__`. Keys are never shown, since they may be names or secrets.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import Final

from beamlens.skills.interpreter.container_paths import bound, file, path
from beamlens.skills.interpreter.holders import Kind, Node, holders, kind_of_type, namespace, size_of
from beamlens.skills.interpreter.places import Owner, owner_of

__all__ = ["LARGE", "Found", "Walk", "Walker"]

LARGE: Final = 100
"""Items from which on a container is remembered."""

_DEPTH: Final = 6
_LIBRARY_DEPTH: Final = 3
_CHECK_EVERY: Final = 32
_MOST_FOUND: Final = 400
_MOST_THREADS: Final = 64
_OWN_CODE: Final = (Kind.CLASS, Kind.FUNCTION)


@dataclass(frozen=True, slots=True)
class Found:
    """Name one large container.

    Args:
        path: `shop.cache.STORE._entries`; `[...]` stands for a key.
        kind: its type's name.
        size: items.
        bound: how many it may have, where its owner says so.
        file: of the module or class that holds it.
        ident: tells containers apart.
    """

    path: str
    kind: str
    size: int
    bound: int | None
    file: str | None
    ident: int


@dataclass(frozen=True, slots=True)
class Walk:
    """Hold what one walk found; `complete` if it saw all of the application's modules, `cost_ms` of processor time."""

    found: tuple[Found, ...] = ()
    visited: int = 0
    complete: bool = True
    cost_ms: float = 0.0


class Walker:
    """Walk the modules, each time as many as the budget allows, and go on where the last walk stopped. One thread.

    Names of containers are kept from walk to walk, by identity; the containers are not.

    Args:
        budget_ms: processor time for the application's modules; libraries get a quarter of it on top.
    """

    def __init__(self, budget_ms: float = 6.0) -> None:
        self._budget_ms = budget_ms
        self._owners: dict[str, tuple[int, Owner]] = {}
        self._cursors: dict[Owner, int] = {}
        self._named: dict[int, tuple[str, str, str | None]] = {}  # path, kind, file

    def walk(self, wanted: str | None = None, caught: list[object] | None = None) -> Walk:
        """Return the large containers that can be reached from the modules that came up this time.

        Args:
            wanted: the path of a container that is to be caught, if it comes up.
            caught: where to put it.
        """
        began = time.thread_time()
        modules = self._modules()
        one = _Round(self._named, began + self._budget_ms / 1e3)
        one.wanted, one.caught = wanted, caught
        one.follow_threads()
        complete = self._some(one, modules["application"], "application", _DEPTH)
        one.deadline = max(one.deadline, time.thread_time()) + self._budget_ms / 4e3
        self._some(one, modules["library"], "library", _LIBRARY_DEPTH)
        self._named = {found.ident: (found.path, found.kind, found.file) for found in one.found} | (
            {} if complete else self._named
        )
        if len(self._named) > 4 * _MOST_FOUND:
            self._named = {}
        return Walk(tuple(one.found), one.visited, complete, round((time.thread_time() - began) * 1e3, 2))

    def _modules(self) -> dict[Owner, list[ModuleType]]:
        found: dict[Owner, list[ModuleType]] = {"application": [], "library": [], "standard": [], "own": []}
        for name, module in list(sys.modules.items()):
            known = self._owners.get(name)
            if known is None or known[0] != id(module):
                known = self._owners[name] = (id(module), _owner(module))
            found[known[1]].append(module)
        return found

    def _some(self, one: _Round, modules: list[ModuleType], owner: Owner, depth: int) -> bool:
        first = self._cursors.get(owner, 0)
        for number in range(len(modules)):
            at = (first + number) % len(modules)
            if not one.follow(modules[at], depth):
                # A module that alone takes more than the budget must not keep the others from their turn.
                self._cursors[owner] = at if number else (at + 1) % len(modules)
                return False
        self._cursors[owner] = 0
        return True


def _owner(module: object) -> Owner:
    if not issubclass(type(module), ModuleType) or not isinstance(module, ModuleType):
        return "standard"
    file = namespace(module).get("__file__")
    return owner_of(file) if isinstance(file, str) else "standard" if module.__name__ != "__main__" else "application"


def _is_own(kind: type) -> bool:
    """Say whether a class is this package's, or one of threading's: what they hold is not the application's."""
    module = kind.__dict__.get("__module__")
    if not isinstance(module, str) or module.startswith("beamlens.demo"):
        return False
    return module == "threading" or module.partition(".")[0] in ("beamlens", "supervision", "pykka")


class _Round:
    """Hold the state of one walk."""

    def __init__(self, named: dict[int, tuple[str, str, str | None]], deadline: float) -> None:
        self.found: list[Found] = []
        self.visited = 0
        self.deadline = deadline
        self.wanted: str | None = None
        self.caught: list[object] | None = None
        self._named = named
        self._seen: set[int] = {id(sys.modules)}
        self._kinds: dict[type, Kind] = {FrameType: Kind.BORING}

    def follow_threads(self) -> None:
        """Follow what the threads were given to run."""
        for thread in threading.enumerate()[:_MOST_THREADS]:
            target = thread.__dict__.get("_target")
            given = [target, *(thread.__dict__.get("_args") or ())] if target is not None else [thread]
            for each in given:
                kind = self._kind(type(each))
                if kind is not Kind.BORING and id(each) not in self._seen:
                    self._seen.add(id(each))
                    self._follow(Node(each, kind, None, "<thread>", _DEPTH - 3), _DEPTH)

    def follow(self, module: ModuleType, depth: int) -> bool:
        """Follow one module's names; return False where the time was over."""
        return self._follow(Node(module, Kind.MODULE, None, namespace(module).get("__name__"), 0), depth)

    def _follow(self, root: Node, depth: int) -> bool:
        queue = deque([root])
        while queue:
            self.visited += 1
            if self.visited % _CHECK_EVERY == 0 and time.thread_time() > self.deadline:
                return False
            node = queue.popleft()
            size = size_of(node.value, node.kind)
            if size is not None and size >= LARGE and len(self.found) < _MOST_FOUND:
                self.found.append(self._describe(node, size))
                if self.caught is not None and self.found[-1].path == self.wanted:
                    self.caught.append(node.value)
            if node.depth < depth:
                self._enqueue(queue, node, size, library=depth < _DEPTH)
        return time.thread_time() <= self.deadline

    def _enqueue(self, queue: deque[Node], node: Node, size: int | None, *, library: bool) -> None:
        seen = self._seen
        for label, value in holders(node, size):
            kind = self._kind(type(value))
            if kind is Kind.BORING or kind is Kind.MODULE or id(value) in seen or (library and kind in _OWN_CODE):
                continue
            seen.add(id(value))
            queue.append(Node(value, kind, node, label, node.depth + 1))

    def _kind(self, given: type) -> Kind:
        kind = self._kinds.get(given)
        if kind is None:
            kind = self._kinds[given] = Kind.BORING if _is_own(given) else kind_of_type(given)
        return kind

    def _describe(self, node: Node, size: int) -> Found:
        ident, kind = id(node.value), type(node.value)
        name = "lru_cache" if node.kind is Kind.WRAPPED else kind.__qualname__[:80]
        known = self._named.get(ident)
        if known is None or known[1] != name:
            known = (path(node), name, file(node))
        return Found(known[0], name, size, bound(node), known[2], ident)
