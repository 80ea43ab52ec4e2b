"""`beamlens legion demo`: the demo, and a local server that stands for a provider, whose real SDK asks it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TextIO

from beamlens.legion import demo
from beamlens.testing import Answer, StubAnthropic, tool_message

__all__ = ["answer", "main", "stub"]

_MODEL: Final = "claude-haiku-5-5"


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """Run the demo; see `beamlens.legion.demo.main`."""
    return demo.main(arguments, out, {"stub": stub})


@contextmanager
def stub() -> Iterator[Mapping[str, Any]]:
    """Yield the options of a tree whose provider is a server of this process."""
    os.environ.setdefault("ANTHROPIC_API_KEY", "sk-of-the-demo")
    with StubAnthropic() as server:
        server.always(answer)
        yield {"provider": "anthropic", "provider_options": {"base_url": server.url, "model": _MODEL}}


def answer(request: Mapping[str, Any]) -> Answer:
    """Answer a request as the provider would: by how far its conversation is; asked again it says the same."""
    steps = demo.SCRIPT["*"]["steps"]
    said = sum(message["role"] == "assistant" for message in request["messages"])
    step = steps[min(said, len(steps) - 1)]
    return Answer(tool_message("reply", step["arguments"]), delay=step.get("delay", 0.0))
