"""How the relays have done over a period, from the stored attempts."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from math import ceil
from operator import itemgetter
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum

from billing.models import Quality
from chat.models import Attempt, AttemptOutcome

PERCENTS = (50, 95, 99)
MAX_ATTEMPTS = 50_000
"""The newest ones of a period; adding up more takes a page longer than anybody waits."""
MAX_ROUTES = 500
"""Relays times models of one page; the busiest ones."""
MAX_ECHOES = 20
"""Names under which a relay has answered for one model; the most frequent ones. A relay may send a
new name with every answer."""

_COMPLETED = Q(outcome=AttemptOutcome.COMPLETED)
_COUNTED = Q(
    _COMPLETED,
    quality=Quality.REPORTED,
    counted_completion_tokens__gt=0,
    counted_prompt_tokens__gt=0,
)
_TIMED = Q(
    _COMPLETED,
    ttft_ms__isnull=False,
    total_ms__gt=F("ttft_ms"),
    counted_completion_tokens__isnull=False,
)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds that so many percent of the attempts did not exceed; None without attempts."""

    p50: int | None = None
    p95: int | None = None
    p99: int | None = None


@dataclass(frozen=True, slots=True)
class LastError:
    """The newest failure: when, its code, the status and the relay's own words."""

    at: datetime
    code: str
    status: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over attempts. Interrupted ones are neither succeeded nor failed."""

    attempts: int = 0
    succeeded: int = 0
    failed: int = 0
    interrupted: int = 0
    total_ms: int = 0
    tokens_timed: int = 0
    timed_ms: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reported_prompt: int = 0
    counted_prompt: int = 0
    reported_completion: int = 0
    counted_completion: int = 0
    cost_nano_usd: int = 0

    @property
    def success_percent(self) -> float | None:
        """Of those that succeeded or failed."""
        return _percent(self.succeeded, self.succeeded + self.failed)

    @property
    def mean_total_ms(self) -> float | None:
        """Of those that succeeded."""
        return self.total_ms / self.succeeded if self.succeeded else None

    @property
    def tokens_per_second(self) -> float | None:
        """From the first token to the last, of those that succeeded. By our count: hidden
        reasoning came before the first token, and no report makes a relay faster."""
        return 1000 * self.tokens_timed / self.timed_ms if self.timed_ms else None

    @property
    def cached_percent(self) -> float | None:
        """Of the prompt tokens."""
        return _percent(self.cached_tokens, self.prompt_tokens)

    @property
    def prompt_ratio(self) -> float | None:
        """Reported to counted prompt tokens."""
        return self.reported_prompt / self.counted_prompt if self.counted_prompt else None

    @property
    def completion_ratio(self) -> float | None:
        """Reported to counted answer tokens."""
        if not self.counted_completion:
            return None
        return self.reported_completion / self.counted_completion


@dataclass(frozen=True, slots=True)
class RouteStatistics:
    """One model at one relay, and as what the relay has answered for it."""

    model: str
    figures: Figures
    echoed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RelayStatistics:
    """One relay over the period; times of its attempts as percentiles."""

    relay: str
    figures: Figures = field(default_factory=Figures)
    routes: tuple[RouteStatistics, ...] = ()
    ttft: Percentiles = field(default_factory=Percentiles)
    total: Percentiles = field(default_factory=Percentiles)
    last_error: LastError | None = None


def relay_statistics(since: datetime) -> tuple[RelayStatistics, ...]:
    """The relays that have had attempts since then, by name. See `oldest_of` for how far back."""
    rows = Attempt.objects.filter(created_at__gte=since)
    whole, routes = _sums(rows, "relay"), _sums(rows, "relay", "model")
    ttft, total = _percentiles(rows, "ttft_ms"), _percentiles(rows, "total_ms")
    return tuple(
        RelayStatistics(
            relay,
            whole[relay,],
            _routes(rows, relay, routes),
            ttft.get(relay, Percentiles()),
            total.get(relay, Percentiles()),
            _last_error(rows, relay),
        )
        for (relay,) in sorted(whole)
    )


def oldest_of(since: datetime) -> datetime:
    """Where a period begins whose statistics do not take too long: at `since`, or with the newest
    `MAX_ATTEMPTS` attempts."""
    newest = Attempt.objects.filter(created_at__gte=since).order_by("-created_at")
    first = newest.values_list("created_at", flat=True)[MAX_ATTEMPTS - 1 : MAX_ATTEMPTS]
    return next(iter(first), since)


def _routes(
    rows: QuerySet[Attempt], relay: str, figures: Mapping[tuple[str, ...], Figures]
) -> tuple[RouteStatistics, ...]:
    """The relay's models, the busiest first."""
    echoes = _echoes(rows.filter(relay=relay))
    return tuple(
        RouteStatistics(model, of, tuple(sorted(echoes[model])))
        for (each, model), of in figures.items()
        if each == relay
    )


def _echoes(rows: QuerySet[Attempt]) -> dict[str, list[str]]:
    named = rows.exclude(echoed_model="").order_by().values_list("model", "echoed_model")
    names: dict[str, list[str]] = defaultdict(list)
    for model, echoed, _ in named.annotate(number=Count("pk")).order_by("-number").iterator():
        if len(names[model]) < MAX_ECHOES:
            names[model].append(echoed)
    return names


def _sums(rows: QuerySet[Attempt], *of: str) -> dict[tuple[str, ...], Figures]:
    """What the attempts add up to, for each value of the columns `of`, the most attempts first."""
    sums = (
        rows.order_by()
        .values(*of)
        .annotate(
            attempts=Count("pk"),
            succeeded=Count("pk", filter=_COMPLETED),
            failed=Count("pk", filter=Q(outcome=AttemptOutcome.FAILED)),
            total_ms_=Sum("total_ms", filter=_COMPLETED),
            tokens_timed=Sum("counted_completion_tokens", filter=_TIMED),
            timed_ms=Sum(F("total_ms") - F("ttft_ms"), filter=_TIMED),
            prompt_tokens_=Sum("prompt_tokens"),
            cached_tokens_=Sum("cached_tokens"),
            completion_tokens_=Sum("completion_tokens"),
            reported_prompt=Sum("prompt_tokens", filter=_COUNTED),
            counted_prompt=Sum("counted_prompt_tokens", filter=_COUNTED),
            reported_completion=Sum("completion_tokens", filter=_COUNTED),
            counted_completion=Sum("counted_completion_tokens", filter=_COUNTED),
            cost_nano_usd_=Sum("cost_nano_usd"),
        )
    )
    busiest = sums.order_by("-attempts", *of)[:MAX_ROUTES]
    return {tuple(row[each] for each in of): _figures(row) for row in busiest}


def _figures(row: Mapping[str, Any]) -> Figures:
    ended = row["succeeded"] + row["failed"]
    values = {name: row.get(f"{name}_", row.get(name)) or 0 for name in Figures.__slots__}
    return Figures(**values | {"interrupted": row["attempts"] - ended})


def _percentiles(rows: QuerySet[Attempt], column: str) -> dict[str, Percentiles]:
    """By nearest rank over the number of attempts at each millisecond: exact, and the same on
    every database."""
    counted = (
        rows.filter(**{"outcome": AttemptOutcome.COMPLETED, f"{column}__isnull": False})
        .order_by("relay", column)
        .values_list("relay", column)
        .annotate(number=Count("pk"))
    )
    return {
        relay: _ranked([(milliseconds, number) for _, milliseconds, number in group])
        for relay, group in groupby(counted.iterator(), key=itemgetter(0))
    }


def _ranked(counts: list[tuple[int, int]]) -> Percentiles:
    whole = sum(number for _, number in counts)
    ranks = iter([ceil(whole * percent / 100) for percent in PERCENTS])
    found, seen, rank = [], 0, next(ranks)
    for milliseconds, number in counts:
        seen += number
        while rank and seen >= rank:
            found.append(milliseconds)
            rank = next(ranks, 0)
    return Percentiles(*found)


def _last_error(rows: QuerySet[Attempt], relay: str) -> LastError | None:
    failed = rows.filter(relay=relay, outcome=AttemptOutcome.FAILED).order_by("-created_at")
    row = failed.values_list("created_at", "error_code", "status", "error_detail").first()
    return None if row is None else LastError(*row)


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
