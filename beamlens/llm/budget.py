"""How much of models may be used: limits on calls, tokens and money, for a run and for an hour.

Checked before each call and settled after it. A call in flight counts with an estimate of what it sends, so that
concurrent requests overshoot a limit by no more than what they themselves turn out to take.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Final, Literal

from beamlens.llm.model import ModelFailure, ModelReply, ModelRequest, Usage
from beamlens.llm.prices import DEFAULT_PRICES, Price, cost, price_of
from beamlens.llm.tokens import estimate_request
from beamlens.llm.usage import Counts, Past, UsageCount, UsageReport
from supervision import wire_value

__all__ = ["Budget", "Ledger", "Reservation"]

_MOST_RUNS: Final = 1000
_UNITS: Final = {"calls": "calls", "tokens": "tokens", "money": "US dollars"}


@wire_value
@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limit the use of models; None is no limit.

    Args:
        calls_per_run, calls_per_hour: requests, retries among them.
        tokens_per_run, tokens_per_hour: tokens, in and out, cached ones too.
        money_per_run, money_per_hour: US dollars by the price table.
        identical_calls: how many times in a row a run may send the very same request; retries count.
        unpriced: what to do under a limit of money once a model without a known price was used: `refuse` further
            calls, since the limit cannot be kept, or `allow` them.

    Raises:
        ValueError: a limit that is no number from 0 up.
    """

    calls_per_run: int | None = None
    calls_per_hour: int | None = None
    tokens_per_run: int | None = None
    tokens_per_hour: int | None = None
    money_per_run: float | None = None
    money_per_hour: float | None = None
    identical_calls: int | None = None
    unpriced: Literal["refuse", "allow"] = "refuse"

    def __post_init__(self) -> None:
        if self.unpriced not in ("refuse", "allow"):
            raise ValueError(f"unpriced is {self.unpriced!r}; 'refuse' or 'allow' is expected")
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "unpriced" or value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ValueError(f"{each.name} is {value!r}; a number from 0 up, or None for no limit, is expected")

    @property
    def limits_money(self) -> bool:
        """Tell whether there is a limit of money."""
        return self.money_per_run is not None or self.money_per_hour is not None


@dataclass(frozen=True, slots=True)
class Reservation:
    """Hold what a call in flight is expected to take, until it is settled."""

    request: ModelRequest
    expected: UsageCount


class Ledger:
    """Admit calls within a budget and count what they took. One thread.

    Args:
        budget: the limits.
        prices: by the model's name.
        clock: monotonic seconds.
        model_of: says by which model a request will be answered, to estimate its price.
    """

    def __init__(
        self,
        budget: Budget | None = None,
        prices: Mapping[str, Price] = DEFAULT_PRICES,
        clock: Callable[[], float] = time.monotonic,
        model_of: Callable[[ModelRequest], str] = lambda request: request.model or "",
    ) -> None:
        self.budget = budget or Budget()
        self.model_of = model_of
        self._prices = prices
        self._counts = Counts(clock)
        self._in_flight: dict[int, Reservation] = {}
        self._number = 0
        self._same: OrderedDict[str, tuple[bytes, int]] = OrderedDict()

    def admit(self, request: ModelRequest) -> int | ModelFailure:
        """Return the number of a reservation, or why the call may not be made."""
        refusal = self._refusal(request)
        if refusal is not None:
            return ModelFailure("budget", refusal, retryable=False)
        self._number += 1
        self._in_flight[self._number] = Reservation(request, self._expected(request))
        self._note_repeat(request)
        return self._number

    def settle(self, number: int, outcome: ModelReply | ModelFailure) -> UsageCount:
        """Count what a call took, its reservation given up, and return that.

        `money` is 0 and `unpriced` 1 where the model's price is not known.
        """
        request = self._in_flight.pop(number).request
        count = self._count(outcome)
        self._counts.add(request.caller, request.run_id, count)
        return count

    def report(self) -> UsageReport:
        """Return what was used."""
        return self._counts.report(len(self._in_flight))

    def remember(self, past: Past) -> bool:
        """Add what predecessors used."""
        self._counts.remember(past)
        return True

    def set_budget(self, budget: Budget) -> bool:
        """Set other limits; what was used so far stays counted."""
        self.budget = budget
        return True

    # -- what a call takes ------------------------------------------------------------------------

    def _expected(self, request: ModelRequest) -> UsageCount:
        usage = Usage(input_tokens=estimate_request(request))
        price = price_of(self.model_of(request), self._prices)
        return UsageCount(1, 0, usage, 0.0 if price is None else price.of(usage))

    def _count(self, outcome: ModelReply | ModelFailure) -> UsageCount:
        if isinstance(outcome, ModelFailure):
            return UsageCount(1, 1)
        money = cost(outcome.model, outcome.usage, self._prices)
        count = UsageCount(1, 0, outcome.usage)
        return replace(count, unpriced=1) if money is None else replace(count, money=money)

    # -- limits -----------------------------------------------------------------------------------

    def _refusal(self, request: ModelRequest) -> str | None:
        run = self._counts.run(request.run_id) + self._reserved(request.run_id)
        hour = self._counts.last_hour() + self._reserved(None)
        return (
            self._over("run", run) or self._over("hour", hour) or self._unpriced(run + hour) or self._repeated(request)
        )

    def _reserved(self, run_id: str | None) -> UsageCount:
        held = UsageCount()
        for reservation in self._in_flight.values():
            if run_id is None or reservation.request.run_id == run_id:
                held += reservation.expected
        return held

    def _over(self, span: str, used: UsageCount) -> str | None:
        for what, unit in _UNITS.items():
            name = f"{what}_per_{span}"
            limit, amount = getattr(self.budget, name), getattr(used, what)
            if limit is not None and amount >= limit:
                return self._exhausted(name, span, _shown(limit), _shown(amount), unit)
        return None

    def _exhausted(self, name: str, span: str, limit: str, amount: str, unit: str) -> str:
        whose = "this run" if span == "run" else "the last hour"
        relief = self._counts.relief() if span == "hour" else None
        later = "" if relief is None else f"; the first of it is forgotten in {relief:.0f} s"
        text = f"the budget {name} is used up: {amount} of {limit} {unit} in {whose}, calls in flight included{later}"
        return f"{text}. Raise the limit, or ask for less"

    def _unpriced(self, used: UsageCount) -> str | None:
        if not used.unpriced or self.budget.unpriced == "allow" or not self.budget.limits_money:
            return None
        return (
            "the budget of money cannot be kept: a model was used whose price is not known. "
            "Add it to the prices, or set unpriced='allow'"
        )

    def _repeated(self, request: ModelRequest) -> str | None:
        limit = self.budget.identical_calls
        if limit is None:
            return None
        before, count = self._same.get(request.run_id, (b"", 0))
        if count < limit or before != _fingerprint(request):
            return None
        return f"the budget identical_calls is used up: this run sent the same request {count} times in a row"

    def _note_repeat(self, request: ModelRequest) -> None:
        if self.budget.identical_calls is None:
            return
        mark = _fingerprint(request)
        before, count = self._same.get(request.run_id, (b"", 0))
        self._same[request.run_id] = (mark, count + 1 if before == mark else 1)
        self._same.move_to_end(request.run_id)
        while len(self._same) > _MOST_RUNS:
            self._same.popitem(last=False)


def _fingerprint(request: ModelRequest) -> bytes:
    same = (request.system, request.messages, request.tools, request.client, request.model)
    return hashlib.sha256(repr(same).encode("utf-8", "replace")).digest()


def _shown(amount: float) -> str:
    return f"{amount:,}" if isinstance(amount, int) else f"{amount:.4f}"
