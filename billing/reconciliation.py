"""Comparing a relay's bill with what we have: what agrees, and each difference by its cause.

No database here. Amounts are what the relay asks, in nano-USD, without any team's markup.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing.costs import Used, exact_cost, sold
from billing.models import Cause
from billing.reconciliation_matching import Billed, Match, Tried, match

__all__ = ["Billed", "Cause", "Comparison", "Found", "Period", "Tried", "compare"]


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` to before `until`. What is near the edges is looked at from both sides."""

    since: datetime
    until: datetime

    def has(self, moment: datetime) -> bool:
        """Whether a moment lies in it."""
        return self.since <= moment < self.until


@dataclass(frozen=True, slots=True)
class Found:
    """One difference. Without `ours` the relay's row is of no try that we know; `subject` then
    names the turn that it seems to repeat, if any."""

    cause: Cause
    ours: Tried | None
    theirs: Billed | None
    ours_nano_usd: int
    theirs_nano_usd: int
    subject: str = ""


@dataclass
class Side:
    """What one side adds up to."""

    requests: int = 0
    tokens: int = 0
    nano_usd: int = 0

    def add(self, tokens: int, nano_usd: int) -> None:
        """Count one request."""
        self.requests += 1
        self.tokens += tokens
        self.nano_usd += nano_usd


@dataclass
class Comparison:
    """What came of a bill. `confirmed` agrees without any difference."""

    confirmed: list[Tried] = field(default_factory=list)
    findings: list[Found] = field(default_factory=list)
    ours: Side = field(default_factory=Side)
    theirs: Side = field(default_factory=Side)

    @property
    def causes(self) -> dict[str, int]:
        """How many findings each cause has."""
        counts = Counter(str(found.cause) for found in self.findings)
        return {cause: counts[cause] for cause in Cause.values if counts[cause]}

    @property
    def unbilled_percent(self) -> int:
        """How much of ours the bill lacks: of a bill that breaks off, much."""
        unbilled = sum(found.cause == Cause.UNBILLED for found in self.findings)
        return 100 * unbilled // self.ours.requests if self.ours.requests else 0


def compare(
    tried: Sequence[Tried],
    billed: Sequence[Billed],
    period: Period,
    *,
    quantum_nano_usd: int = 1,
    window_seconds: int = 120,
    subjects: Collection[str] | None = None,
) -> Comparison:
    """Match and name the differences of a period.

    Both sides should reach `window_seconds` beyond the period, so that what lies across an edge
    finds its other half. `quantum_nano_usd` is the last digit that the bill shows. With `subjects`
    all is matched, but only what is theirs is told.
    """
    result = Comparison()
    matched = match(tried, billed, window_seconds)

    def told(subject: str) -> bool:
        return subjects is None or subject in subjects

    for each in matched.pairs:
        if told(each.tried.subject) and period.has(each.billed.at):
            _add_pair(result, each, quantum_nano_usd)
    for row, subject in matched.repeated:
        if told(subject) and period.has(row.at):
            _add_theirs(result, Cause.DOUBLE_ATTEMPT, row, subject)
    for row in matched.theirs:
        if told("") and period.has(row.at):
            _add_theirs(result, Cause.LOST_ROW, row, "")
    for ours in filter(lambda each: told(each.subject), matched.ours):
        # At an edge the other half may be on the bill before or after this one.
        if period.has(ours.began_at) and not _at_edge(ours, period, window_seconds):
            result.ours.add(ours.tokens, ours.cost_nano_usd)
            found = Found(Cause.UNBILLED, ours, None, ours.cost_nano_usd, 0, ours.subject)
            result.findings.append(found)
    result.findings.sort(key=_place)
    return result


def _add_pair(result: Comparison, pair: Match, quantum_nano_usd: int) -> None:
    ours, theirs = pair.tried, pair.billed
    theirs_nano_usd = asked_for(ours, theirs)
    if ours.billed:
        result.ours.add(ours.tokens, ours.cost_nano_usd)
    result.theirs.add(theirs.tokens, theirs_nano_usd)
    cause = _cause(pair, theirs_nano_usd, quantum_nano_usd)
    if cause is None:
        result.confirmed.append(ours)
        return
    found = Found(cause, ours, theirs, ours.cost_nano_usd, theirs_nano_usd, ours.subject)
    result.findings.append(found)


def _add_theirs(result: Comparison, cause: Cause, row: Billed, subject: str) -> None:
    amount = row.cost_nano_usd or 0
    result.theirs.add(row.tokens, amount)
    result.findings.append(Found(cause, None, row, 0, amount, subject))


def asked_for(ours: Tried, theirs: Billed) -> int:
    """What the relay asks for a row; of a bill without amounts, its tokens at our price."""
    if theirs.cost_nano_usd is not None:
        return theirs.cost_nano_usd
    if ours.tokens_as(theirs) or ours.rates is None:
        return ours.cost_nano_usd
    cached = ours.cached_tokens if theirs.cached_tokens is None else theirs.cached_tokens
    used = Used(theirs.prompt_tokens, theirs.completion_tokens, cached)
    return sold(exact_cost(used, ours.rates))


def _cause(pair: Match, theirs_nano_usd: int, quantum_nano_usd: int) -> Cause | None:
    ours, theirs = pair.tried, pair.billed
    if pair.second_try:
        return Cause.DOUBLE_ATTEMPT
    if not ours.tokens_as(theirs, cached=False):
        return Cause.TOKEN_DRIFT
    if not ours.tokens_as(theirs):
        return Cause.CACHE_DRIFT
    difference = abs(ours.cost_nano_usd - theirs_nano_usd)
    if difference == 0:
        return None
    # Rounded up or down, the last digit of the bill is off by less than one.
    return Cause.ROUNDING if difference <= max(1, quantum_nano_usd - 1) else Cause.PRICE_DRIFT


def _at_edge(ours: Tried, period: Period, window_seconds: int) -> bool:
    before = (ours.began_at - period.since).total_seconds()
    after = (period.until - ours.ended_at).total_seconds()
    return min(before, after) < window_seconds


def _place(found: Found) -> tuple[Any, ...]:
    ours, theirs = found.ours, found.theirs
    at = theirs.at if theirs is not None else ours and ours.began_at
    return (at, theirs.line if theirs else 0, found.subject, ours.attempt if ours else 0)
