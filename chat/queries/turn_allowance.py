"""How many turns and tokens a person and her team may still ask for within the minute."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, F, Min, Q, Sum
from django.utils import timezone

from chat.models import Turn
from chat.services.turn_limits import LONGEST_TURN, WINDOW


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a limit leaves: of `requests` or `tokens`, and when all of it is free again."""

    what: str
    limit: int
    remaining: int
    reset_seconds: int


def is_limited() -> bool:
    """Whether any limit by the minute is set."""
    return any(limit for _, _, limit in _limits())


def turn_allowances(person_id: int, team_id: UUID) -> list[Allowance]:
    """Of requests and of tokens, where they are limited, the allowance that leaves least. One
    query."""
    limits = [each for each in _limits() if each[2]]
    if not limits:
        return []
    now = timezone.now()
    whose = {"person": Q(requester_id=person_id), "team": Q(team_id=team_id)}
    lately = {"requests": Q(created_at__gt=now - WINDOW), "tokens": Q(ended_at__gt=now - WINDOW)}
    moments = {"requests": "created_at", "tokens": "ended_at"}
    sums: dict[str, Any] = {}
    for who, what, _ in limits:
        counted = whose[who] & lately[what]
        tokens = Sum(F("prompt_tokens") + F("completion_tokens"), filter=counted)
        sums[f"{who}_{what}"] = tokens if what == "tokens" else Count("id", filter=counted)
        sums[f"{who}_{what}_since"] = Min(moments[what], filter=counted)
    back = LONGEST_TURN if any(what == "tokens" for _, what, _ in limits) else WINDOW
    found = Turn.objects.filter(
        whose["person"] | whose["team"], created_at__gt=now - back
    ).aggregate(**sums)
    left: dict[str, Allowance] = {}
    for who, what, limit in limits:
        remaining = max(0, limit - (found[f"{who}_{what}"] or 0))
        if what not in left or remaining < left[what].remaining:
            reset_seconds = _seconds_until_free(found[f"{who}_{what}_since"], now)
            left[what] = Allowance(what, limit, remaining, reset_seconds)
    return list(left.values())


def _limits() -> Iterator[tuple[str, str, int]]:
    limits = settings.LIMITS
    yield "person", "requests", limits.max_requests_per_minute_per_person
    yield "team", "requests", limits.max_requests_per_minute_per_team
    yield "person", "tokens", limits.max_tokens_per_minute_per_person
    yield "team", "tokens", limits.max_tokens_per_minute_per_team


def _seconds_until_free(since: datetime | None, now: datetime) -> int:
    """Until the oldest that counts is a minute ago."""
    return 0 if since is None else max(0, math.ceil((since + WINDOW - now).total_seconds()))
