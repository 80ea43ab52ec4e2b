"""Short ways to write the schemas of tools."""

from __future__ import annotations

from typing import Any

from beamlens.llm.model import ToolSchema

__all__ = ["text", "texts", "tool", "whole_number"]


def tool(name: str, description: str, required: tuple[str, ...] = (), **properties: dict[str, Any]) -> ToolSchema:
    """Return a tool whose arguments are `properties` and no others."""
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return ToolSchema(name, description, parameters)


def text(description: str, *, one_of: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the schema of a text, or of one of several."""
    return {"type": "string", **({"enum": list(one_of)} if one_of else {}), "description": description}


def texts(description: str) -> dict[str, Any]:
    """Return the schema of a list of texts."""
    return {"type": "array", "items": {"type": "string"}, "description": description}


def whole_number(description: str, least: int, most: int) -> dict[str, Any]:
    """Return the schema of a whole number between two bounds, both included."""
    return {"type": "integer", "minimum": least, "maximum": most, "description": description}
