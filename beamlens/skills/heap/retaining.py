"""Who keeps objects alive: a search backward from them, level by level, to what nobody needs to keep.

One scan of the heap answers for a whole level. The search keeps what it has seen in one list, and everything
else by number, so that it does not find itself. It runs no code of the application.
"""

from __future__ import annotations

import functools
import gc
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Final

from beamlens.skills.heap.bounded import bound_on
from beamlens.skills.heap.edges import is_namespace_of, named_edge, type_name
from beamlens.skills.heap.roots import Root, Roots

__all__ = ["Path", "Search", "Stopped"]

_FRONTIER: Final = 24
_MOST_SEEN: Final = 5000
_LOOKED_INTO: Final = 100_000
_SHOWN: Final = 24
_LONGEST: Final = 300
_WRAPPED: Final = type(functools.lru_cache(None)(len))
_SIZED: Final = (dict, list, tuple, set, frozenset, deque)
_CYCLE: Final = Root("reference cycle", "a reference cycle that was not collected yet")
_OUTSIDE: Final = Root("outside Python", "outside Python")
_NOT_FOUND: Final = Root("not found", "not found")

Scan = Callable[..., list[Any]]


class Stopped(Exception):
    """Ends a search early; its text says why."""


@dataclass(frozen=True, slots=True)
class Path:
    """Say who keeps one object alive.

    Args:
        text: `shop.cache.STORE._entries[...]`, where the object is the last.
        root: where it begins.
        steps: how many references there are between the root and the object.
        holders: the types on the way, from the root to the object.
        bound: how many items a container on the way may have, as its owner says; None if nothing is said.
        items: of the container that is nearest to the object; None if there is none on the way.
    """

    text: str
    root: Root
    steps: int
    holders: tuple[str, ...]
    bound: int | None = None
    items: int | None = None


@dataclass(slots=True)
class Search:
    """Search for the roots of some objects. One thread; used once.

    Args:
        targets: the objects, at most 60; this very list is used on, so that nobody else need hold them.
        roots: of this process.
        deadline: `time.monotonic()` at which it is given up.
        copy: this is a copy of the process, so that local variables may be read.
        scan: what finds referrers; `gc.get_referrers` or something around it that raises `Stopped`.
        ignored: ids of containers of the caller's that hold targets.
    """

    targets: list[Any]
    roots: Roots
    deadline: float
    copy: bool
    scan: Scan = gc.get_referrers
    ignored: set[int] = field(default_factory=set)
    scans: int = 0
    stopped: str | None = None
    _count: int = 0
    _held: list[tuple[int, ...]] = field(default_factory=list)  # of each seen: the numbers of what it refers to
    _leads: list[int] = field(default_factory=list)  # of each seen: to which targets, as bits
    _number: dict[int, int] = field(default_factory=dict)
    _rooted: dict[int, Root] = field(default_factory=dict)
    _found: dict[int, tuple[int, Root]] = field(default_factory=dict)  # of a target

    def paths(self) -> list[Path]:
        """Return a path for each target."""
        self._count = len(self.targets)
        self._held = [() for _ in self.targets]
        self._leads = [1 << number for number in range(self._count)]
        self._number = {id(value): number for number, value in enumerate(self.targets)}
        self.ignored |= {id(self.targets)} | self.roots.ignored
        try:
            # Each target's own holders by themselves, so that nothing is mixed up.
            frontier = self._next([[number] for number in range(self._count)])
            while frontier and len(self._found) < self._count and len(self.targets) < _MOST_SEEN:
                frontier = self._next([frontier])
        except Stopped as reason:
            self.stopped = str(reason)
        return [self._path(number, *self._end_of(number)) for number in range(self._count)]

    def _next(self, groups: Sequence[Sequence[int]]) -> list[int]:
        """Look for the holders of each group; return what is to be asked for next."""
        new: list[int] = []
        for group in groups:
            holders = self._scanned(group)
            self.ignored.add(id(holders))
            new.extend(number for holder in holders if (number := self._note(holder, group)) is not None)
            self.ignored.discard(id(holders))
        self._settle()
        return self._chosen(new)

    def _scanned(self, numbers: Sequence[int]) -> list[Any]:
        if time.monotonic() > self.deadline:
            raise Stopped("the time was over before all roots were found")
        self.scans += 1
        args = tuple([self.targets[number] for number in numbers])
        # The collector leaves out its own arguments, but a function in between has others.
        return [each for each in self.scan(*args) if each is not args]

    def _note(self, holder: Any, group: Sequence[int]) -> int | None:
        """Remember who holds what; return the holder's number where it is new and no root."""
        held = () if id(holder) in self.ignored else self._which(holder, group)
        if not held:
            return None
        number = self._number.get(id(holder))
        if number is not None:
            self._held[number] = tuple(dict.fromkeys((*self._held[number], *held)))
            return None
        number = self._number[id(holder)] = len(self.targets)
        root = self.roots.root(holder)
        self.targets.append(holder)
        self._held.append(held)
        self._leads.append(0)
        if root is not None:
            self._rooted[number] = root
        return None if root is not None else number

    def _which(self, holder: Any, group: Sequence[int]) -> tuple[int, ...]:
        """Return which of the group an object refers to."""
        if len(group) == 1:
            return (group[0],)
        if _length(holder) <= _LOOKED_INTO:
            referents = {id(each) for each in gc.get_referents(holder)}
            return tuple([number for number in group if id(self.targets[number]) in referents])
        # To look into a large container would touch, and so copy, all that it holds; a scan touches nothing.
        return tuple([number for number in group if any(each is holder for each in self._scanned([number]))])

    def _settle(self) -> None:
        """Say for each object to which targets it leads, and which targets have a root by now."""
        for number, held in enumerate(self._held):
            for each in held:
                self._leads[number] |= self._leads[each]
        for number, root in self._rooted.items():
            for target in range(self._count):
                if self._leads[number] >> target & 1:
                    self._found.setdefault(target, (number, root))

    def _chosen(self, numbers: Sequence[int]) -> list[int]:
        """Return what leads to a target without a root; some of each type, since a hub has thousands of one."""
        wanted = sum(1 << target for target in range(self._count) if target not in self._found)
        kinds: dict[type, list[int]] = {}
        for number in numbers:
            if self._leads[number] & wanted:
                kinds.setdefault(type(self.targets[number]), []).append(number)
        turns = zip_longest(*kinds.values())
        return [number for turn in turns for number in turn if number is not None][:_FRONTIER]

    def _end_of(self, target: int) -> tuple[int, Root]:
        """Return where a target's path begins: the root, else a variable of running code, else how the search ended."""
        if target in self._found:
            return self._found[target]
        above = [number for number, leads in enumerate(self._leads) if leads >> target & 1]
        for number in above:
            variable = self.roots.variable(self.targets[number])
            if variable is not None:
                return number, variable
        held = {each for number in above for each in self._held[number]}
        loose = [number for number in above if number not in held]
        if self.stopped is not None or len(self.targets) >= _MOST_SEEN:
            return target, _NOT_FOUND
        return (loose[0], _OUTSIDE) if loose else (target, _CYCLE)

    def _path(self, target: int, number: int, root: Root) -> Path:
        chain = self._chain(number, target)
        objects = [self.targets[each] for each in chain]
        labels = [""]
        for at in range(len(chain) - 1):
            above = objects[at - 1] if at else None
            named = root.kind == "module global" if at == 0 else is_namespace_of(above, objects[at])
            labels.append(named_edge(objects[at], objects[at + 1], namespace=named, frames=self.copy))
        kinds = tuple([type_name(type(each)) for each in objects[:_SHOWN]])
        text = self.roots.name(root, objects) + "".join(labels)
        items = next((_length(objects[at]) for at in range(len(chain) - 2, -1, -1) if labels[at + 1] == "[...]"), None)
        return Path(text[:_LONGEST], root, len(chain) - 1, kinds, bound_on(objects, labels), items or None)

    def _chain(self, number: int, target: int) -> list[int]:
        """Return the shortest way down from an object to a target."""
        came_from: dict[int, int] = {number: number}
        left = deque([number])
        while left and target not in came_from:
            each = left.popleft()
            for held in self._held[each]:
                if held not in came_from:
                    came_from[held] = each
                    left.append(held)
        chain = [target]
        while chain[-1] != number:
            chain.append(came_from[chain[-1]])
        return chain[::-1]


def _length(holder: Any) -> int:
    if type(holder) is _WRAPPED:
        return int(holder.cache_info().currsize)
    base = next((base for base in _SIZED if isinstance(holder, base)), None)
    return 0 if base is None else int(base.__len__(holder))
