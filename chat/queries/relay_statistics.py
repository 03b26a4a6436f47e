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

_COMPLETED = Q(outcome=AttemptOutcome.COMPLETED)
_COUNTED = Q(
    _COMPLETED,
    quality=Quality.REPORTED,
    counted_completion_tokens__gt=0,
    counted_prompt_tokens__gt=0,
)
_TIMED = Q(_COMPLETED, ttft_ms__isnull=False, total_ms__gt=F("ttft_ms"))


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

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, n) + getattr(other, n) for n in self.__slots__))

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
        """From the first token to the last, of those that succeeded."""
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
    routes = _routes(rows)
    ttft, total = _percentiles(rows, "ttft_ms"), _percentiles(rows, "total_ms")
    return tuple(
        RelayStatistics(
            relay,
            sum((route.figures for route in routes[relay]), Figures()),
            routes[relay],
            ttft.get(relay, Percentiles()),
            total.get(relay, Percentiles()),
            _last_error(rows, relay),
        )
        for relay in sorted(routes)
    )


def oldest_of(since: datetime) -> datetime:
    """Where a period begins whose statistics do not take too long: at `since`, or with the newest
    `MAX_ATTEMPTS` attempts."""
    newest = Attempt.objects.filter(created_at__gte=since).order_by("-created_at")
    first = newest.values_list("created_at", flat=True)[MAX_ATTEMPTS - 1 : MAX_ATTEMPTS]
    return next(iter(first), since)


def _routes(rows: QuerySet[Attempt]) -> dict[str, tuple[RouteStatistics, ...]]:
    grouped = rows.order_by().values("relay", "model", "echoed_model")
    sums = grouped.annotate(
        attempts=Count("pk"),
        succeeded=Count("pk", filter=_COMPLETED),
        failed=Count("pk", filter=Q(outcome=AttemptOutcome.FAILED)),
        total_ms_=Sum("total_ms", filter=_COMPLETED),
        tokens_timed=Sum("completion_tokens", filter=_TIMED),
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
    found: dict[tuple[str, str], tuple[Figures, set[str]]] = {}
    for row in sums.order_by("-attempts")[:MAX_ROUTES]:
        figures, echoed = found.get((row["relay"], row["model"]), (Figures(), set()))
        name = {row["echoed_model"]} - {""}
        found[row["relay"], row["model"]] = figures + _figures(row), echoed | name
    by_relay = defaultdict(list)
    for (relay, model), (figures, echoed) in found.items():
        by_relay[relay].append(RouteStatistics(model, figures, tuple(sorted(echoed))))
    return {
        relay: tuple(sorted(routes, key=lambda route: -route.figures.attempts))
        for relay, routes in by_relay.items()
    }


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
