"""Have an actor's process end at a message that it cannot unpack."""

from typing import NoReturn

from supervision.errors import ProtocolError
from supervision.process import link


def _raise(_body: bytes, error: ProtocolError) -> NoReturn:
    raise error


assert hasattr(link, "head_of"), "what this switches off has another name now"
link.head_of = _raise
