"""What models cost: a table that the user can replace, and the published prices of Anthropic's models.

US dollars per million tokens, for the provider's own interface, without discounts (batch) and without surcharges
(inference in one country, fast mode). Prices change: compare with https://platform.claude.com/docs/en/about-claude/pricing
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from beamlens.llm.model import Usage
from supervision import wire_value

__all__ = ["AS_OF", "DEFAULT_PRICES", "LongPrompts", "Price", "cost", "price_of"]

AS_OF: Final = "2026-10-24"
_MILLION: Final = 1_000_000


def _check(prices: Mapping[str, float]) -> None:
    for name, value in prices.items():
        good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
        if not good:
            raise ValueError(f"the price {name} is {value!r}; US dollars per million tokens, from 0 up, are expected")


@wire_value
@dataclass(frozen=True, slots=True)
class LongPrompts:
    """Say that requests with long prompts cost more, all their tokens.

    Args:
        above: prompts with more tokens than this are long.
        factor: by how much all prices are multiplied.

    Raises:
        ValueError: a number that is negative or none at all.
    """

    above: int
    factor: float

    def __post_init__(self) -> None:
        _check({"above": self.above, "factor": self.factor})


@wire_value
@dataclass(frozen=True, slots=True)
class Price:
    """Say what a model's tokens cost, in US dollars per million.

    Args:
        input: tokens sent that came from no cache.
        output: tokens received.
        cache_read: tokens read from the provider's cache; a tenth of `input` where nothing else is said.
        cache_write: tokens written to it for five minutes; 1.25 of `input` where nothing else is said.
        long_prompts: what changes for long prompts.

    Raises:
        ValueError: a price that is negative or no number.
    """

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None
    long_prompts: LongPrompts | None = None

    def __post_init__(self) -> None:
        given = {"input": self.input, "output": self.output}
        optional = {"cache_read": self.cache_read, "cache_write": self.cache_write}
        _check(given | {name: value for name, value in optional.items() if value is not None})

    def of(self, usage: Usage) -> float:
        """Return what these tokens of one call cost, in US dollars."""
        read = self.input * 0.1 if self.cache_read is None else self.cache_read
        write = self.input * 1.25 if self.cache_write is None else self.cache_write
        long = self.long_prompts
        factor = long.factor if long is not None and usage.context_tokens > long.above else 1.0
        parts = (
            usage.input_tokens * self.input,
            usage.output_tokens * self.output,
            usage.cache_read_tokens * read,
            usage.cache_write_tokens * write,
        )
        return factor * sum(parts) / _MILLION


DEFAULT_PRICES: Final[Mapping[str, Price]] = {
    "claude-haiku-5-5": Price(0.10, 0.50, long_prompts=LongPrompts(100_000, 5.0)),
    "claude-haiku-4-5": Price(1.0, 5.0),
    "claude-sonnet-5-5": Price(2.0, 10.0, cache_read=0.10),
    "claude-sonnet-5": Price(2.0, 10.0),
    "claude-sonnet-4-6": Price(3.0, 15.0),
    "claude-sonnet-4-5": Price(3.0, 15.0),
    "claude-opus-5-5": Price(4.0, 20.0, cache_read=0.20),
    "claude-opus-5": Price(5.0, 25.0),
    "claude-opus-4-8": Price(5.0, 25.0),
    "claude-opus-4-7": Price(5.0, 25.0),
    "claude-opus-4-6": Price(5.0, 25.0),
    "claude-opus-4-5": Price(5.0, 25.0),
    "claude-opus-4-1": Price(15.0, 75.0),
    "claude-fable-5-1": Price(10.0, 50.0, cache_read=0.25),
    "rules": Price(0.0, 0.0),
    "scripted": Price(0.0, 0.0),
}


def price_of(model: str, prices: Mapping[str, Price]) -> Price | None:
    """Return the price of a model; None when the table has none.

    A dated name (`claude-haiku-4-5-20251001`) has the price of the name without its date, and one with a platform's
    prefix (`anthropic.claude-haiku-5-5`, `us.anthropic....`) that of the name behind it, unless listed itself.
    """
    found = prices.get(model)
    if found is not None:
        return found
    bare = model.rpartition("/")[2].rpartition("anthropic.")[2].partition("@")[0].partition("-v1:")[0]
    name, _, date = bare.rpartition("-")
    return prices.get(name if len(date) == 8 and date.isdigit() else bare)


def cost(model: str, usage: Usage, prices: Mapping[str, Price]) -> float | None:
    """Return what one call cost in US dollars; None when the model's price is not known.

    A call that took no tokens (rules, a failure) costs nothing whatever the model.
    """
    if usage.total_tokens == 0:
        return 0.0
    price = price_of(model, prices)
    return None if price is None else price.of(usage)
