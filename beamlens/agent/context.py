"""A conversation with a model, as a value: what was said, and how large it is.

Its size is what the provider measured at the last call, and an estimate for what was said since. A provider that
measures nothing (rules) leaves an estimate of it all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from beamlens.llm.model import Image, Message, ModelReply
from beamlens.llm.tokens import estimate
from supervision import wire_value

__all__ = ["Context"]


@wire_value
@dataclass(frozen=True, slots=True)
class Context:
    """Hold a conversation; each method returns a new one. It crosses processes, so that a run can go on after a crash.

    Args:
        messages: oldest first.
        measured_tokens: the size, system prompt and tools included, of the first `measured_messages`.
        measured_messages: how many messages that measure covers.
        quiet_until: tokens; below this size it is not compacted, since that failed or did not help.
    """

    messages: tuple[Message, ...] = ()
    measured_tokens: int = 0
    measured_messages: int = 0
    quiet_until: int = 0

    @property
    def tokens(self) -> int:
        """Return about how many tokens the next request will send."""
        return self.measured_tokens + estimate(self.messages[self.measured_messages :])

    def with_user(self, text: str, images: tuple[Image, ...] = ()) -> Context:
        """Return it with something the user says."""
        return self._with(Message("user", text, images=images))

    def with_reply(self, reply: ModelReply) -> Context:
        """Return it with what the model said, and measured anew by the tokens of that call."""
        longer = self._with(Message("assistant", reply.text, call=reply.call))
        if reply.usage.context_tokens == 0:
            return longer
        return replace(
            longer,
            measured_tokens=reply.usage.context_tokens + reply.usage.output_tokens,
            measured_messages=len(longer.messages),
        )

    def with_result(
        self, call_id: str, text: str, *, is_error: bool = False, images: tuple[Image, ...] = ()
    ) -> Context:
        """Return it with the result of the tool that the model chose."""
        return self._with(Message("user", text, answers=call_id, is_error=is_error, images=images))

    def _with(self, message: Message) -> Context:
        return replace(self, messages=(*self.messages, message))
