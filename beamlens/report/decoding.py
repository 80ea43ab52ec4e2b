"""Records of a transcript unpacked where nothing runs: actors that they name are long gone, and read as None."""

from __future__ import annotations

from supervision.process.values import REFERENCE
from supervision.process.wire import Codec

__all__ = ["TranscriptCodec"]


class TranscriptCodec(Codec):
    """Decode what was packed in another process, at another time. Any thread."""

    __slots__ = ()

    def _read_extension(self, code: int, payload: bytes) -> object:
        # A ref would need the runtime that it belongs to, and reading a file must not start one.
        return None if code == REFERENCE else super()._read_extension(code, payload)
