"""Who hears what a loop does; the only place from which a family of events is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from beamlens.llm.model import ModelFailure, ModelReply, ToolCall

if TYPE_CHECKING:
    from beamlens.agent.loop import LoopState

__all__ = ["Observer"]


class Observer:
    """Hear nothing; subclasses hear what they care for. Durations are nanoseconds. The run's thread."""

    def iteration_started(self, iteration: int) -> None:
        """Hear that a step begins."""

    def llm_started(self, iteration: int, context_size: int) -> None:
        """Hear that the model is called with so many messages."""

    def llm_stopped(self, iteration: int, reply: ModelReply, duration: int) -> None:
        """Hear that the model answered."""

    def llm_failed(self, iteration: int, failure: ModelFailure, duration: int) -> None:
        """Hear that a call of the model failed."""

    def llm_error(self, failure: ModelFailure, retry_count: int, will_retry: bool) -> None:
        """Hear whether a failed call is tried again."""

    def nonsense(self, iteration: int, problem: str, count: int) -> None:
        """Hear that the model's answer could not be used, so many times in a row."""

    def tool_started(self, iteration: int, call: ToolCall) -> None:
        """Hear that a tool is performed."""

    def tool_stopped(self, iteration: int, call: ToolCall, result: Any, duration: int) -> None:
        """Hear what a tool gave."""

    def tool_failed(self, iteration: int, call: ToolCall, error: BaseException, duration: int) -> None:
        """Hear that performing a tool raised; the run does not go on."""

    def step_finished(self, state: LoopState) -> None:
        """Hear that a step is done; from `state` the run could go on."""
