"""A skill made of plain functions: ten lines in place of a class.

    redis = skill("redis", title="Redis", description="Redis cache health", system_prompt="You watch Redis.")

    @redis.snapshot
    def snapshot():
        return {"memory_used_mb": client.info()["used_memory"] / 1e6}

    @redis.callback
    def slowlog(count: int = 10):
        "Recent slow queries, slowest first."
        return client.slowlog_get(min(count, 50))

The callback is called `redis_slowlog`; its documentation is made from its signature and docstring.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar, get_args

from beamlens.errors import ConfigurationError
from beamlens.skills.checks import Check
from beamlens.skills.skill import RunsIn, Skill, check_skill

__all__ = ["FunctionSkill", "skill"]

F = TypeVar("F", bound=Callable[..., Any])


class FunctionSkill:
    """Collect the functions of one skill; made by `skill`. While its module is imported, by one thread.

    Attributes:
        id: of the skill.
        module: where its snapshot function is defined; empty before there is one.
    """

    def __init__(self, members: Mapping[str, Any], checks: Sequence[Check]) -> None:
        self.id: str = members["id"]
        self.module = ""
        self._members = dict(members)
        self._checks = tuple(checks)
        self._snapshot: Callable[[], Mapping[str, Any]] | None = None
        self._start: Callable[[], object] | None = None
        self._stop: Callable[[], object] | None = None
        self._callbacks: dict[str, Callable[..., Any]] = {}
        self._class: type[Skill] | None = None

    # -- decorators -------------------------------------------------------------------------------

    def snapshot(self, function: F) -> F:
        """Take the function that returns how the subject stands now; quick, plain data."""
        self._check_open(function)
        self._snapshot = function
        self.module = function.__module__
        return function

    def callback(self, function: F) -> F:
        """Take a read-only function that Lua code may call, as the skill's id, `_`, and its own name."""
        self._check_open(function)
        own = function.__name__
        name = own if own.startswith(f"{self.id}_") else f"{self.id}_{own}"
        if name in self._callbacks:
            raise ConfigurationError(f"the skill {self.id} has two callbacks named {name}")
        self._callbacks[name] = function
        return function

    def start(self, function: F) -> F:
        """Take the function that starts collectors; called once, before the first snapshot."""
        self._check_open(function)
        self._start = function
        return function

    def stop(self, function: F) -> F:
        """Take the function that stops collectors and puts everything back as it was."""
        self._check_open(function)
        self._stop = function
        return function

    def _check_open(self, function: object) -> None:
        if not callable(function) or not hasattr(function, "__name__"):
            raise ConfigurationError(f"{function!r} is no function; put the decorator right above a def")
        if self._class is not None:
            raise ConfigurationError(f"the skill {self.id} is in use already; define its functions before")

    # -- the class --------------------------------------------------------------------------------

    def skill_class(self) -> type[Skill]:
        """Return the class of skills made of these functions, the same at each call.

        Raises:
            ConfigurationError: something is missing; the text says what.
        """
        if self._class is None:
            self._class = check_skill(self._made())
        return self._class

    @staticmethod
    def maker_of(skill_class: type[Skill]) -> FunctionSkill | None:
        """Return what made a class of skills out of functions, None for any other class."""
        return skill_class.maker if issubclass(skill_class, _MadeOfFunctions) else None

    def _made(self) -> type[Skill]:
        if self._snapshot is None:
            raise ConfigurationError(f"the skill {self.id!r} has no snapshot; put @snapshot of it above a function")
        made = type(f"{self.id.title().replace('_', '')}Skill", (_MadeOfFunctions,), {**self._members, "maker": self})
        made.__module__ = self.module
        return made

    def parts(self) -> tuple[Any, ...]:
        """Return its (snapshot, callbacks, checks, start, stop)."""
        return self._snapshot, self._callbacks, self._checks, self._start, self._stop


class _MadeOfFunctions(Skill):
    """The base of skills made of functions."""

    maker: ClassVar[FunctionSkill]

    def __init__(self) -> None:
        self._snapshot, self._callbacks, self._checks, self._start, self._stop = self.maker.parts()

    def snapshot(self) -> Mapping[str, Any]:
        """Return what the snapshot function returns."""
        return self._snapshot()  # type: ignore[no-any-return]

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callback functions."""
        return dict(self._callbacks)

    def callback_docs(self) -> str:
        """Return what the functions' signatures and docstrings say."""
        return "\n\n".join(_documented(name, function) for name, function in self._callbacks.items())

    def checks(self) -> Sequence[Check]:
        """Return the checks that were given."""
        return self._checks  # type: ignore[no-any-return]

    def start(self) -> None:
        """Call the start function."""
        if self._start is not None:
            self._start()

    def stop(self) -> None:
        """Call the stop function."""
        if self._stop is not None:
            self._stop()


def skill(
    id: str,
    *,
    title: str,
    description: str,
    system_prompt: str,
    runs_in: RunsIn = "application",
    checks: Sequence[Check] = (),
    snapshot_seconds: float = Skill.snapshot_seconds,
    callback_seconds: float = Skill.callback_seconds,
    additive: Sequence[str] = (),
) -> FunctionSkill:
    """Begin a skill made of functions; arguments as the attributes of `Skill`.

    Assign it at the top level of a module and use it wherever a class of skills is expected.

    Raises:
        ConfigurationError: the id or `runs_in` cannot be.
    """
    if not isinstance(id, str) or not id.isidentifier():
        raise ConfigurationError(f"the id of a skill is {id!r}; lower-case letters, digits and _ are expected")
    if runs_in not in get_args(RunsIn):
        raise ConfigurationError(f"runs_in is {runs_in!r}; 'application' or 'operator' is expected")
    members = {
        "id": id,
        "title": title,
        "description": description,
        "system_prompt": inspect.cleandoc(system_prompt) if isinstance(system_prompt, str) else system_prompt,
        "runs_in": runs_in,
        "snapshot_seconds": snapshot_seconds,
        "callback_seconds": callback_seconds,
        "additive": additive,
    }
    return FunctionSkill(members, checks)


def _documented(name: str, function: Callable[..., Any]) -> str:
    text = inspect.getdoc(function) or ""
    parameters = ", ".join(_parameter(each) for each in inspect.signature(function).parameters.values())
    return f"### {name}({parameters})\n{text}".rstrip()


def _parameter(parameter: inspect.Parameter) -> str:
    annotation = parameter.annotation
    kind = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    shown = parameter.name if annotation is inspect.Parameter.empty else f"{parameter.name}: {kind}"
    return shown if parameter.default is inspect.Parameter.empty else f"{shown} = {parameter.default!r}"
