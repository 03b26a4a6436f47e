"""What a person may still spend: every budget above her turns, without locking or opening any."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models.functions import Now

from accounts.models import APIKey, Team
from billing.budgets import team_key
from billing.limit_words import CREDIT, budget_name
from billing.limits import RANKS, current_periods, limit_key, limits_above, next_start, zone_of
from billing.models import Budget, Limit, LimitScope, Period


@dataclass(frozen=True)
class Room:
    """A budget that applies, in nano-USD. `scope` is `credit` or a limit's; the days are those of
    `zone`, and None where it never starts afresh. What is not hard refuses nothing."""

    name: str
    scope: str
    period: str
    zone: str
    period_start: date | None
    next_start: date | None
    is_hard: bool
    granted_nano_usd: int
    spent_nano_usd: int
    held_nano_usd: int

    @property
    def used_nano_usd(self) -> int:
        """What is spent, and held for answers under way."""
        return self.spent_nano_usd + self.held_nano_usd

    @property
    def left_nano_usd(self) -> int:
        """What may still be held; below zero after an overrun or a lowered limit."""
        return self.granted_nano_usd - self.spent_nano_usd - self.held_nano_usd


def room_of(
    team_id: UUID,
    person_id: int,
    conversation_id: UUID | None = None,
    api_key_id: int | None = None,
) -> tuple[Room, ...]:
    """Each budget that a turn of this person, asked for by this API key if by one, must fit: the
    team's credit, then the limits from the installation's down. Three queries."""
    periods = current_periods(limits_above(team_id, person_id, conversation_id, api_key_id))
    keys = [team_key(team_id), *periods]
    budgets = {budget.key: budget for budget in Budget.objects.filter(key__in=keys)}
    team = Team.objects.filter(pk=team_id).values_list("name", flat=True).first() or ""
    credit = _room(budgets.get(team_key(team_id)) or Budget(), None, None, team)
    rooms = [
        _room(budgets.get(key) or _unopened(limit), limit, start, team)
        for key, (limit, start) in periods.items()
    ]
    return (credit, *sorted(rooms, key=lambda room: RANKS[LimitScope(room.scope)]))


def rooms_of_keys(keys: Iterable[APIKey]) -> dict[int, tuple[Room, ...]]:
    """By the id of an API key its own budgets, for those that have any. Two queries."""
    named = {key.pk: key for key in keys}
    wanted = [
        limit_key(LimitScope.API_KEY, key.team_id, None, key.pk, period)
        for key in named.values()
        for period in Period
    ]
    limits = Limit.objects.filter(key__in=wanted, ended_at=None).order_by("id")
    periods = current_periods((each, each.moment) for each in limits.annotate(moment=Now()))
    budgets = {budget.key: budget for budget in Budget.objects.filter(key__in=periods)}
    rooms: dict[int, tuple[Room, ...]] = {}
    for budget_key, (limit, start) in periods.items():
        key = named[limit.api_key_id or 0]
        room = _room(budgets.get(budget_key) or _unopened(limit), limit, start, "", key.name)
        rooms[key.pk] = (*rooms.get(key.pk, ()), room)
    return rooms


def _unopened(limit: Limit) -> Budget:
    return Budget(granted_nano_usd=limit.amount_nano_usd, is_hard=limit.is_hard)


def _room(
    budget: Budget, limit: Limit | None, start: date | None, team: str, key: str = ""
) -> Room:
    scope, period = (limit.scope, limit.period) if limit else (CREDIT, str(Period.NONE))
    return Room(
        name=budget_name(scope, period, team, key),
        scope=scope,
        period=period,
        zone=zone_of(limit) if limit else "",
        period_start=start,
        next_start=next_start(period, start),
        is_hard=budget.is_hard,
        granted_nano_usd=budget.granted_nano_usd,
        spent_nano_usd=budget.posted_nano_usd,
        held_nano_usd=budget.held_nano_usd,
    )
