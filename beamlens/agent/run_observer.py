"""What every loop of BeamLens tells: the llm and tool families of events."""

from __future__ import annotations

import traceback
from typing import Any

from beamlens import telemetry
from beamlens.agent.observer import Observer
from beamlens.llm.model import ModelFailure, ModelReply, ToolCall

__all__ = ["RunObserver"]


class RunObserver(Observer):
    """Tell the llm and tool families. The run's thread.

    Args:
        trace_id: the run.
        caller: who runs, such as `operator:vm`.
    """

    def __init__(self, trace_id: str, caller: str) -> None:
        self.trace_id = trace_id
        self.caller = caller

    def _of(self, iteration: int, **more: Any) -> dict[str, Any]:
        return {"trace_id": self.trace_id, "iteration": iteration, "caller": self.caller, **more}

    def llm_started(self, iteration: int, context_size: int) -> None:
        """Tell that the model is called."""
        telemetry.emit(("beamlens", "llm", "start"), {}, self._of(iteration, context_size=context_size))

    def llm_stopped(self, iteration: int, reply: ModelReply, duration: int) -> None:
        """Tell what the model answered."""
        tool = reply.call.name if reply.call is not None else "unknown"
        telemetry.emit(
            ("beamlens", "llm", "stop"),
            {"duration": duration},
            self._of(
                iteration,
                tool_selected=tool,
                intent="" if tool == "unknown" else tool,
                response=reply,
            ),
        )

    def llm_failed(self, iteration: int, failure: ModelFailure, duration: int) -> None:
        """Tell that a call failed."""
        telemetry.emit(
            ("beamlens", "llm", "exception"),
            {"duration": duration},
            self._of(iteration, kind="error", reason=failure, stacktrace=[]),
        )

    def tool_started(self, iteration: int, call: ToolCall) -> None:
        """Tell that a tool is performed."""
        telemetry.emit_tool_start(self._tool(iteration, call))

    def tool_stopped(self, iteration: int, call: ToolCall, result: Any, duration: int) -> None:
        """Tell what a tool gave."""
        telemetry.emit(
            ("beamlens", "tool", "stop"),
            {"duration": duration},
            {**self._tool(iteration, call), "result": result},
        )

    def tool_failed(self, iteration: int, call: ToolCall, error: BaseException, duration: int) -> None:
        """Tell that performing a tool raised."""
        telemetry.emit(
            ("beamlens", "tool", "exception"),
            {"duration": duration},
            {
                **self._tool(iteration, call),
                "kind": "error" if isinstance(error, Exception) else "exit",
                "reason": error,
                "stacktrace": traceback.format_tb(error.__traceback__),
            },
        )

    def _tool(self, iteration: int, call: ToolCall) -> dict[str, Any]:
        return self._of(iteration, tool_name=call.name, intent=call.name)
