"""What calls cost."""

from __future__ import annotations

import math

import pytest

from beamlens.llm.model import Usage
from beamlens.llm.prices import AS_OF, DEFAULT_PRICES, LongPrompts, Price, cost, price_of

MILLION = 1_000_000


def test_each_kind_of_token_has_its_price() -> None:
    price = Price(2.0, 10.0, cache_read=0.1, cache_write=2.5)
    assert price.of(Usage(MILLION, 0, 0, 0)) == pytest.approx(2.0)
    assert price.of(Usage(0, MILLION, 0, 0)) == pytest.approx(10.0)
    assert price.of(Usage(0, 0, MILLION, 0)) == pytest.approx(0.1)
    assert price.of(Usage(0, 0, 0, MILLION)) == pytest.approx(2.5)
    assert price.of(Usage(1000, 100, 10_000, 200)) == pytest.approx((2000 + 1000 + 1000 + 500) / MILLION)


def test_the_cache_has_the_usual_prices_where_none_are_given() -> None:
    assert Price(4.0, 20.0).of(Usage(0, 0, MILLION, MILLION)) == pytest.approx(0.4 + 5.0)
    assert Price(4.0, 20.0, cache_read=0.0).of(Usage(0, 0, MILLION, 0)) == 0.0


def test_long_prompts_cost_more_all_their_tokens() -> None:
    price = Price(0.1, 0.5, long_prompts=LongPrompts(100_000, 5.0))
    assert price.of(Usage(100_000, 1000)) == pytest.approx(0.01 + 0.0005)
    assert price.of(Usage(100_001, 1000)) == pytest.approx(5 * (0.0100001 + 0.0005))
    assert price.of(Usage(1, 0, 100_000)) == pytest.approx(5 * (0.1 + 0.01 * 100_000) / MILLION)


def test_the_default_table_is_whole_and_dated() -> None:
    assert AS_OF.count("-") == 2
    for name in ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"):
        assert DEFAULT_PRICES[name].output > DEFAULT_PRICES[name].input > 0
    assert cost("claude-sonnet-5-5", Usage(MILLION, MILLION), DEFAULT_PRICES) == pytest.approx(12.0)


@pytest.mark.parametrize(
    "name",
    [
        "claude-haiku-4-5",
        "claude-haiku-4-5-20251001",
        "anthropic.claude-haiku-4-5-20251001-v1:0",
        "us.anthropic.claude-haiku-4-5",
        "anthropic/claude-haiku-4-5",
        "claude-haiku-4-5@20251001",
    ],
)
def test_platforms_have_names_of_their_own_for_a_model(name: str) -> None:
    assert price_of(name, DEFAULT_PRICES) == DEFAULT_PRICES["claude-haiku-4-5"]


@pytest.mark.parametrize("name", ["", "gpt-x", "claude", "claude-haiku-4-5-mini", "20251001"])
def test_an_unknown_model_has_no_price(name: str) -> None:
    assert price_of(name, DEFAULT_PRICES) is None
    assert cost(name, Usage(1, 0), DEFAULT_PRICES) is None
    assert cost(name, Usage(), DEFAULT_PRICES) == 0.0


def test_a_dated_name_may_have_a_price_of_its_own() -> None:
    table = {"m": Price(1, 1), "m-20250101": Price(2, 2)}
    assert price_of("m-20250101", table) == Price(2, 2)
    assert price_of("m-20260101", table) == Price(1, 1)


@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf, True, "1"])
def test_prices_that_cannot_be(wrong: float) -> None:
    with pytest.raises(ValueError, match="input"):
        Price(wrong, 1.0)
    with pytest.raises(ValueError, match="cache_read"):
        Price(1.0, 1.0, cache_read=wrong)
