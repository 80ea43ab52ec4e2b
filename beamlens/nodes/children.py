"""The children that a tree has where its process is a member of a group."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from beamlens.domain.ids import node_name
from beamlens.nodes.member import Member
from beamlens.nodes.probe import GroupProbe
from beamlens.nodes.questions import questions
from beamlens.nodes.seat import Seat
from beamlens.probe.messages import NodeInfo
from supervision import ChildSpec

__all__ = ["of_member"]


def of_member(
    tree: str,
    group: str,
    node: str | None,
    probe: Mapping[str, Any],
    parts: Sequence[ChildSpec],
    spec: Callable[..., ChildSpec],
) -> list[ChildSpec]:
    """Return the probe, and the part that elects or joins.

    Args:
        tree: names the registry of this process' tree.
        group: the group.
        node: how this process is named; None: `host:pid`.
        probe: keyword arguments of the probe.
        parts: children that only the elected process has.
        spec: makes a specification of a name, a class and keyword arguments.
    """
    asked = questions(tree)
    seat = Seat(group, NodeInfo(node or node_name(), os.getpid()), asked)
    version = sys.modules["beamlens"].__version__  # the package itself stands above this layer
    member = {"tree": tree, "seat": seat, "questions": asked, "parts": tuple(parts), "version": version}
    return [spec("probe", GroupProbe, seat=seat, **probe), spec("member", Member, **member)]
