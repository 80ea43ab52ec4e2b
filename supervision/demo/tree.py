"""The tree of the demo: nested, with two strategies and a dynamic pool."""

from __future__ import annotations

from typing import Any, Final

from supervision import ChildSpec, DynamicSupervisor, Ref, Supervisor, SupervisorRef, configure
from supervision.demo.actors import Service

__all__ = ["start_tree"]

# Far more than a sound program needs (the default is 3 in 5 s): here dying is the purpose.
_BUDGET: Final = {"intensity": 100_000, "period": 5}
_WORKERS: Final = ("worker-1", "worker-2", "worker-3")
_JOBS: Final = ("job-1", "job-2", "job-3")


def start_tree() -> tuple[SupervisorRef, dict[str, Ref]]:
    """Start the tree; return it and its actors by their path, as refs that follow restarts."""
    configure(preload=(Service.__module__,))  # so that the first replacements need not import it
    web = [_service("listener"), *map(_service, _WORKERS)]
    children = [
        _supervisor("web", Supervisor, {"children": web, "strategy": "rest_for_one", **_BUDGET}),
        _service("cache"),
        _supervisor("jobs", DynamicSupervisor, dict(_BUDGET)),
    ]
    tree = Supervisor.start(children, name="demo", **_BUDGET)
    refs = {f"web/{spec.id}": tree["web"][spec.id] for spec in web}
    refs["cache"] = tree["cache"]
    for name in _JOBS:
        refs[f"jobs/{name}"] = tree["jobs"].start_child(_service(name)).following()
    return tree, refs


def _service(name: str) -> ChildSpec:
    return ChildSpec(id=name, start=(Service, (), {}))


def _supervisor(name: str, cls: type[Any], kwargs: dict[str, Any]) -> ChildSpec:
    return ChildSpec(id=name, start=(cls, (), kwargs), type="supervisor")
