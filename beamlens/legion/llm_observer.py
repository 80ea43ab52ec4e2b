"""What a Legion agent tells of its requests to the model."""

from __future__ import annotations

import time
import traceback
from typing import Any

from beamlens.agent.observer import Observer
from beamlens.legion.telemetry import emit
from beamlens.llm.model import ModelFailure, ModelReply

__all__ = ["LlmObserver"]

_REQUEST = ("legion", "llm", "request")


class LlmObserver(Observer):
    """Tell the llm.request span. The agent's run thread.

    Args:
        agent: its name.
        model: the model's name.
    """

    def __init__(self, agent: str, model: str) -> None:
        self._about = {"agent": agent, "model": model}
        self._start: dict[str, Any] = {}
        self._began = 0

    def llm_started(self, iteration: int, context_size: int) -> None:
        """Tell that the model is asked."""
        self._start = {**self._about, "message_count": context_size, "iteration": iteration}
        self._began = time.monotonic_ns()
        emit((*_REQUEST, "start"), {"system_time": time.time_ns()}, self._start)

    def llm_stopped(self, iteration: int, reply: ModelReply, duration: int) -> None:
        """Tell what it answered; `object` are the arguments of its reply, or None where it could not be used."""
        said = {"object": reply.call.arguments} if reply.call is not None else {"error": reply.problem or "no reply"}
        emit((*_REQUEST, "stop"), {"duration": duration}, {**self._start, **said})

    def llm_failed(self, iteration: int, failure: ModelFailure, duration: int) -> None:
        """Tell that the request failed, which is a stop as well."""
        emit((*_REQUEST, "stop"), {"duration": duration}, {**self._start, "error": failure})

    def llm_raised(self, error: Exception) -> None:
        """Tell that asking raised what is no failure of a request."""
        about = {"kind": "error", "reason": error, "stacktrace": traceback.format_tb(error.__traceback__)}
        emit((*_REQUEST, "exception"), {"duration": time.monotonic_ns() - self._began}, {**self._start, **about})
