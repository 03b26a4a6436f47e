"""How many turns, and how many tokens, a person and a team may ask for.

The stored turns are what is counted: so the counts are the same for every process and after every
restart, a send that is repeated counts once, and one that was refused not at all.
"""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Literal
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Team, User
from accounts.policy import Principal, StaleRights
from chat.models import ConversationSource, Turn, TurnState
from chat.services.errors import RateLimited, TooManyTurns

WINDOW = timedelta(minutes=1)
LONGEST_TURN = timedelta(hours=1)
"""Tokens of turns that began earlier than this are not looked for."""
CLOCK_SKEW = timedelta(seconds=5)
"""Times later than this from now are those of a clock that was set back; they count no more."""

Whose = Literal["person", "team"]
_NAMES: dict[Whose, str] = {"person": "one person", "team": "the team"}


def check_turn_limits(principal: Principal, team_id: UUID, *, batch: bool = False) -> None:
    """Refuse a turn beyond the limits of the person or her API key, and of the team. A batch
    bounds its own turns, and leaves a fifth of every limit to whoever waits for an answer.

    To be called within the transaction that stores the turn: it locks the person, and the team if
    that has limits, so their turns are admitted one after the other and the counts are exact.
    The locks are taken before those of budgets, and are weak ones: settlements, which hold budgets
    and name both, do not wait for them. Raises TooManyTurns, RateLimited; and StaleRights if rights
    were taken away since `principal` was proven.
    """
    limits, person_id = settings.LIMITS, principal.user_id
    locked = User.objects.select_for_update(no_key=True).filter(pk=person_id, is_active=True)
    if list(locked.values_list("auth_version", flat=True)) != [principal.auth_version]:
        raise StaleRights
    own = Q(requester_id=person_id)
    if not batch:
        _check_running(principal)
    share = partial(_share, batch=batch)
    _check_requests("person", own, share(limits.max_requests_per_minute_per_person))
    _check_tokens("person", own, share(limits.max_tokens_per_minute_per_person))
    if not (
        limits.max_turns_per_team
        or limits.max_requests_per_minute_per_team
        or limits.max_tokens_per_minute_per_team
    ):
        return
    list(Team.objects.select_for_update(no_key=True).filter(pk=team_id).values("pk"))
    teams = Q(team_id=team_id)
    if limits.max_turns_per_team and _running(teams) >= share(limits.max_turns_per_team):
        raise TooManyTurns(
            f"The team has {limits.max_turns_per_team} answers written at a time. Wait for one to "
            "end, or stop one.",
            limit="team_turns",
            limit_turns=limits.max_turns_per_team,
        )
    _check_requests("team", teams, share(limits.max_requests_per_minute_per_team))
    _check_tokens("team", teams, share(limits.max_tokens_per_minute_per_team))


def _share(limit: int, *, batch: bool) -> int:
    return max(limit * 4 // 5, 1) if batch and limit else limit


def _check_running(principal: Principal) -> None:
    """A person's programs and she herself do not stand in each other's way."""
    if principal.api_key_id is not None:
        limit = settings.TURNS.max_turns_per_api_key
        whose = Q(api_key_id=principal.api_key_id)
    else:
        limit = settings.TURNS.max_turns_per_person
        whose = Q(requester_id=principal.user_id, api_key_id=None)
    source = ConversationSource.BATCH
    if _running(whose & ~Q(conversation__source=source)) >= limit:
        raise TooManyTurns(limit_turns=limit)


def _running(whose: Q) -> int:
    return Turn.objects.filter(whose, state=TurnState.RUNNING).count()


def _check_requests(who: Whose, whose: Q, limit: int) -> None:
    if not limit:
        return
    now = timezone.now()
    begun = Turn.objects.filter(
        whose, created_at__gt=now - WINDOW, created_at__lte=now + CLOCK_SKEW
    )
    times = list(begun.order_by("-created_at").values_list("created_at", flat=True)[:limit])
    if len(times) == limit:
        raise _too_fast(who, "requests", limit, times[-1], now)


def _check_tokens(who: Whose, whose: Q, limit: int) -> None:
    """Refuse while the answers that ended within a minute took the limit or more. What runs is
    not known yet: it is paid for afterwards, by a longer wait."""
    if not limit:
        return
    now = timezone.now()
    ended = (
        Turn.objects.filter(
            whose,
            created_at__gt=now - LONGEST_TURN,
            ended_at__gt=now - WINDOW,
            ended_at__lte=now + CLOCK_SKEW,
        )
        .order_by("-ended_at")
        .values_list("ended_at", F("prompt_tokens") + F("completion_tokens"))
    )
    free_from = _reached(ended, limit)
    if free_from is not None:
        raise _too_fast(who, "tokens", limit, free_from, now)


def _reached(newest_first: Iterable[tuple[datetime | None, int]], limit: int) -> datetime | None:
    """The end with which the limit is reached: once it is a minute ago, less than it counts."""
    total = 0
    for ended_at, tokens in newest_first:
        total += tokens
        if total >= limit:
            return ended_at
    return None


def _too_fast(who: Whose, what: str, limit: int, since: datetime, now: datetime) -> RateLimited:
    wait = min(max(since + WINDOW - now, timedelta(seconds=1)), WINDOW)
    seconds = math.ceil(wait.total_seconds())
    return RateLimited(
        f"The limit of {limit} {what} a minute for {_NAMES[who]} is reached. "
        f"Send again in {seconds} s.",
        retry_after_seconds=round(wait.total_seconds(), 1),
        limit=f"{who}_{what}",
        maximum=limit,
    )
