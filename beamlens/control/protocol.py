"""What travels on a control socket: frames of msgpack, a request first, then any number of events and one answer.

request   {"op": "message", "args": {"operator": "vm", "text": "..."}}
event     {"event": {...}}
answer    {"ok": value}   or   {"error": "text", "kind": "not_found"}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from beamlens.errors import BeamlensError
from supervision.errors import ProtocolError
from supervision.process.wire import Codec, Limits

__all__ = ["ANSWER_BYTES", "REQUEST_BYTES", "ControlError", "Request", "answers", "requests", "unpack_request"]

REQUEST_BYTES: Final = 65_536
ANSWER_BYTES: Final = 8 * 2**20


class ControlError(BeamlensError):
    """A request could not be answered.

    Args:
        text: what was given, what is expected, what to do.
        kind: `usage` (the request is wrong), `not_found`, `unavailable` (nobody answers), `failed`.
    """

    def __init__(self, text: str, kind: str = "failed") -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Request:
    """Ask for an operation by its name."""

    op: str
    args: dict[str, Any]


def requests() -> Codec:
    """Return what packs requests."""
    return Codec(Limits(frame_bytes=REQUEST_BYTES, depth=8))


def answers() -> Codec:
    """Return what packs events and answers."""
    return Codec(Limits(frame_bytes=ANSWER_BYTES))


def unpack_request(codec: Codec, body: bytes) -> Request:
    """Return the request that a client sent.

    Raises:
        ControlError: it is none.
    """
    try:
        given = codec.decode(body)
    except ProtocolError as error:
        raise ControlError(f"the request cannot be read: {error}", "usage") from error
    if isinstance(given, dict) and set(given) == {"op", "args"}:
        op, args = given["op"], given["args"]
        if isinstance(op, str) and isinstance(args, dict) and all(isinstance(key, str) for key in args):
            return Request(op, args)
    raise ControlError('the request is not as expected: {"op": "...", "args": {...}}', "usage")
