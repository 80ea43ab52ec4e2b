"""Test a skill without a network, a model or a supervisor, by the same way that operators call it.

def test_redis() -> None:
    with SkillHarness(RedisSkill, client=FakeRedis()) as redis:
        assert redis.snapshot()["connected"] is True
        assert redis.call("redis_slowlog", 5) == []
        assert redis.lua("return redis_info().used_memory > 0") is True
        redis.assert_good()
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from beamlens.errors import SkillError
from beamlens.probe.faults import Redact, unredacted
from beamlens.probe.messages import SNAPSHOT, Answer
from beamlens.probe.remote import LocalSkill
from beamlens.probe.specs import SkillSpec, skill_spec
from beamlens.skills.base import BaseCallbacks
from beamlens.testing.generated_calls import GeneratedCall, generated_calls
from beamlens.testing.process_state import changes, process_state

if TYPE_CHECKING:
    from beamlens.sandbox import SandboxServer

__all__ = ["SkillHarness"]

_REFUSALS: Final = ("bad_arguments", "refused")
_CLEAR: Final = ("raised ValueError:", "raised LookupError:", "raised KeyError:", "raised IndexError:")
_SNAPSHOTS: Final = 20


class SkillHarness:
    """Run one skill as the probe does: on its own thread, with its limits, its results reduced to plain data.

    A context manager: the skill is started at the beginning and stopped at the end, where the harness checks that
    the process is as it was before: hooks, flags, log levels, signal handlers and threads.

    Args:
        skill: a class, a function skill, or a name.
        redact: takes plain data and returns it without secrets.
        kwargs: what the class is constructed with.

    Raises:
        ConfigurationError: it is no skill.
    """

    def __init__(self, skill: object, /, *, redact: Redact = unredacted, **kwargs: Any) -> None:
        spec = skill_spec(skill)
        self._spec = SkillSpec(spec.skill, {**spec.kwargs, **kwargs}, spec.name)
        self._redact = redact
        self._access: LocalSkill | None = None
        self._sandbox: SandboxServer | None = None
        self._before: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._before = process_state()
        self._access = LocalSkill(self._spec, redact=self._redact)
        try:
            self._access.start()
        except SkillError as error:
            self._access.close()
            raise AssertionError(error.text) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.access.close(self._spec.skill.callback_seconds)
        if self._sandbox is not None:
            self._sandbox.stop()
        if error is None:
            left = changes(self._before, process_state())
            assert not left, f"the skill {self._spec.name} left traces: {'; '.join(left)}"

    @property
    def access(self) -> LocalSkill:
        """What an operator would hold; it raises `SkillError`."""
        assert self._access is not None, "the harness is a context manager: with SkillHarness(...) as skill: ..."
        return self._access

    # -- calling ----------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Return a snapshot as an operator gets it; raises `SkillError`."""
        return self.access.snapshot()[0]

    def call(self, name: str, *args: Any) -> Any:
        """Return what a callback gives an operator; raises `SkillError`."""
        return self.access.call(name, *args)

    def lua(self, code: str) -> Any:
        """Return what Lua code gives that may call the callbacks, in a real sandbox.

        Raises:
            AssertionError: the code failed; the text is what a model would be told.
        """
        from beamlens.sandbox import Sandbox, SandboxServer

        if self._sandbox is None:
            self._sandbox = SandboxServer.start()
        found = Sandbox(self._sandbox.address).evaluate(code, self.access.callbacks())
        if found.error is not None:
            raise AssertionError(f"{found.error.kind}: {found.error.text}")
        return found.value

    # -- what a good skill does ---------------------------------------------------------------------

    def assert_good(self, examples: Mapping[str, Sequence[Sequence[Any]]] | None = None) -> None:
        """Assert all that follows, with the defaults."""
        self.assert_json_safe()
        self.assert_quick()
        self.assert_documented()
        self.assert_robust(examples)

    def assert_json_safe(self) -> None:
        """Assert that the snapshot and all that the skill declares can be sent."""
        for name in (SNAPSHOT, "describe"):
            try:
                self.access.ask(name)
            except SkillError as error:
                raise AssertionError(f"{name}: {error.kind}: {error.text}") from error

    def assert_quick(self, milliseconds: float = 5.0) -> None:
        """Assert that half of the snapshots take no longer than this, as a rule at most 5 ms."""
        taken = [self._seconds() for _ in range(_SNAPSHOTS)]
        median = statistics.median(taken) * 1000
        assert median <= milliseconds, f"a snapshot takes {median:.1f} ms; at most {milliseconds:g} ms are allowed"

    def assert_documented(self) -> None:
        """Assert that each callback's name begins with the skill's id, and that a heading of the docs has it."""
        docs, prefix = self.access.docs(), f"{self._spec.skill.id}_"
        for name in self._callbacks():
            assert name.startswith(prefix), f"the callback {name} does not begin with {prefix}"
            assert f"### {name}(" in docs, f"callback_docs() has no heading '### {name}(...)'"

    def assert_robust(self, examples: Mapping[str, Sequence[Sequence[Any]]] | None = None) -> None:
        """Assert that no callback hangs, breaks or returns too much, whatever its arguments are.

        Good arguments must give a result. Others may be refused: by the check of annotations, a `SkillError`, a
        `ValueError` or a `LookupError` with a text. Arguments of a wrong type must be refused.

        Args:
            examples: good arguments by callback, where annotations cannot say what is good.
        """
        problems = [
            problem
            for name, function in self._callbacks().items()
            for call in generated_calls(name, function, (examples or {}).get(name, ()))
            if (problem := self._problem(call))
        ]
        assert not problems, "\n".join(problems)

    # -- inside -------------------------------------------------------------------------------------

    def _callbacks(self) -> Mapping[str, Callable[..., Any]]:
        skill = self.access.skill
        assert skill is not None, "the skill is not started"
        base = BaseCallbacks().callbacks()
        return {name: function for name, function in skill.callbacks().items() if name not in base}

    def _seconds(self) -> float:
        return self.access.ask(SNAPSHOT).seconds

    def _problem(self, call: GeneratedCall) -> str:
        """Return what is wrong with how a call went, nothing if it went as it should."""
        said = f"{call.name}{call.args!r:.200} ({call.intent} arguments)"
        outcome = self._outcome(call)
        if isinstance(outcome, Answer):
            return f"{said} gave a result; an error is expected" if call.intent == "wrong" else ""
        clear = outcome.kind in _REFUSALS or (outcome.kind == "raised" and any(each in outcome.text for each in _CLEAR))
        if clear and call.intent != "good":
            return ""
        return f"{said}: {outcome.kind}: {outcome.text}"

    def _outcome(self, call: GeneratedCall) -> Answer | SkillError:
        try:
            return self.access.ask(call.name, call.args)
        except SkillError as error:
            return error
