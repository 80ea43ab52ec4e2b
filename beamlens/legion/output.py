"""What an agent's results must be, and results of that type."""

from __future__ import annotations

import re
from typing import Any, Final

from beamlens.errors import ConfigurationError
from beamlens.legion.hints import Unfit, convert
from beamlens.legion.schemas import inlined, schema_of
from beamlens.llm.schema import violations

__all__ = ["Output"]

_TEXT: Final = {"type": "string"}
_TYPES: Final = ("object", "array", "string", "integer", "number", "boolean", "null")


class Output:
    """Check results, and make them typed. Any process.

    Args:
        given: what `output_schema()` returned: a JSON Schema, or a type hint.

    Raises:
        ConfigurationError: it is neither.
    """

    def __init__(self, given: Any) -> None:
        self._hint: Any = None
        if isinstance(given, dict):
            self.schema: dict[str, Any] = inlined(given)
            _check_schema(self.schema, "the output schema")
            self.is_default = given == _TEXT
        else:
            self.schema = _schema_of(given)
            self._hint, self.is_default = given, False

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a result, None where it fits."""
        if self._hint is not None:
            try:
                convert(value, self._hint, "the result")
            except Unfit as error:
                return str(error)
            return None
        wrong = violations(value, self.schema)
        return f"the result does not fit: {'; '.join(wrong[:5])}" if wrong else None

    def typed(self, value: Any) -> Any:
        """Return a checked result as a value of the type, or as it is for a JSON Schema."""
        return value if self._hint is None else convert(value, self._hint, "the result")


def _schema_of(given: Any) -> dict[str, Any]:
    try:
        found = schema_of(given)
    except TypeError as error:
        raise ConfigurationError(f"the output schema is {given!r}: {error}") from error
    if not found and given is not Any:
        raise ConfigurationError(f"the output schema is {given!r}; a JSON Schema, a dataclass or a type is expected")
    return found


def _check_schema(node: Any, path: str) -> None:
    """Raise where no value could ever fit, as it is no JSON Schema.

    Raises:
        ConfigurationError: a type there is none of, a pattern that is none.
    """
    kind = node.get("type", ())
    unknown = [each for each in ([kind] if isinstance(kind, str) else kind) if each not in _TYPES]
    if unknown:
        raise ConfigurationError(f"{path} has the type {unknown[0]!r}; some of {', '.join(_TYPES)} are expected")
    try:
        re.compile(node.get("pattern", ""))
    except (re.error, TypeError) as error:
        raise ConfigurationError(f"{path} has the pattern {node['pattern']!r}: {error}") from error
    for key, each in _inner(node):
        if not isinstance(each, dict | bool):
            raise ConfigurationError(f"{path} has {each!r} at {key}; a JSON Schema is expected")
        if isinstance(each, dict):
            _check_schema(each, f"{path}.{key}")


def _inner(node: dict[str, Any]) -> list[tuple[str, Any]]:
    found = [(f"properties.{name}", each) for name, each in node.get("properties", {}).items()]
    found += [(key, node[key]) for key in ("items", "additionalProperties", "not") if key in node]
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        found += [(f"{key}[{place}]", each) for place, each in enumerate(node.get(key, ()))]
    return found
