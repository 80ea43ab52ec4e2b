"""Messages as users give them, made into a text and pictures for the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from beamlens.legion.text import shown, truncated
from beamlens.llm.model import Image
from supervision import wire_value

__all__ = ["Content", "content_of"]


@wire_value
@dataclass(frozen=True, slots=True)
class Content:
    """Hold a message: its text, cut to what it may be, and its pictures, which never are."""

    text: str
    images: tuple[Image, ...] = ()

    @property
    def told(self) -> str | list[Any]:
        """Return it as events carry it: a text, or a list of parts."""
        if not self.images:
            return self.text
        return [*([self.text] if self.text else []), *map(_told, self.images)]


def _told(image: Image) -> dict[str, Any]:
    return {"image_url": image.url} if image.url else {"image": image.media_type, "bytes": len(image.data)}


def content_of(message: Any, limit: float) -> Content:
    """Return a message as content.

    Args:
        message: a text, an `Image`, a list or tuple with an `Image` among its parts, or anything else, which is shown
            as JSON or by its `repr`.
        limit: bytes of each text.
    """
    if isinstance(message, Content):
        return message
    if isinstance(message, Image):
        return Content("", (message,))
    if isinstance(message, list | tuple) and any(isinstance(part, Image) for part in message):
        texts = [truncated(shown(part), limit) for part in message if not isinstance(part, Image)]
        return Content("\n\n".join(texts), tuple(part for part in message if isinstance(part, Image)))
    return Content(truncated(shown(message), limit))
