"""Setting, changing and ending limits. Lock order: the limit, then its budgets."""

from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts.services.audit import Actor, record
from billing.errors import AmountInvalid, LimitEnded, LimitExists, LimitInvalid, ZoneUnknown
from billing.limits import limit_key, locked_budgets_from_now_on
from billing.models import Budget, Limit, LimitScope, Period
from billing.money import MAX_GRANT_NANO_USD, format_usd

WARN_PERCENTS = "80,100"
_OWNERS = {
    LimitScope.INSTALLATION: (False, False, False, False),
    LimitScope.TEAM: (True, False, False, False),
    LimitScope.PERSON: (True, True, False, False),
    LimitScope.CONVERSATION: (True, False, True, False),
    LimitScope.API_KEY: (True, False, False, True),
}
"""Whether a limit of this scope names a team, a person, a conversation and an API key."""
_WANTED = {
    LimitScope.INSTALLATION: "The installation's limit names no team, person or conversation.",
    LimitScope.TEAM: "A team's limit names the team, and neither person nor conversation.",
    LimitScope.PERSON: "A person's limit names the person and the team, and no conversation.",
    LimitScope.CONVERSATION: "A conversation's limit names it and its team, and no person.",
    LimitScope.API_KEY: "An API key's limit names it and its team, and no person.",
}


@dataclass(frozen=True)
class NewLimit:
    """A limit to set: whose, how much in nano-USD in each period, and where the days begin."""

    scope: LimitScope
    amount_nano_usd: int
    team_id: UUID | None = None
    person_id: int | None = None
    conversation_id: UUID | None = None
    api_key_id: int | None = None
    period: Period = Period.NONE
    zone: str = ""
    is_hard: bool = True
    warn_percents: str = WARN_PERCENTS

    @property
    def key(self) -> str:
        """An owner has one limit in force for each period."""
        thing_id = self.conversation_id or self.api_key_id
        return limit_key(self.scope, self.team_id, self.person_id, thing_id, self.period)


def set_limit(new: NewLimit, *, actor: Actor | None = None) -> Limit:
    """Limit what is spent from now on; what was spent before does not count.

    Raises LimitExists where one of this owner and period is in force, AmountInvalid, ZoneUnknown,
    and LimitInvalid for a wrong owner or percentage.
    """
    check_limit(new)
    try:
        with transaction.atomic():
            limit = Limit.objects.create(
                key=new.key,
                scope=new.scope,
                team_id=new.team_id,
                person_id=new.person_id,
                conversation_id=new.conversation_id,
                api_key_id=new.api_key_id,
                period=new.period,
                zone=new.zone,
                amount_nano_usd=new.amount_nano_usd,
                is_hard=new.is_hard,
                warn_percents=checked_percents(new.warn_percents),
                created_by_id=actor.user_id if actor else None,
            )
            record(actor, "limit_set", limit, **_detail(limit))
            return limit
    except IntegrityError:
        if Limit.objects.filter(key=new.key, ended_at=None).exists():
            raise LimitExists from None
        raise


def change_limit(
    limit_id: int,
    *,
    amount_nano_usd: int | None = None,
    is_hard: bool | None = None,
    warn_percents: str | None = None,
    actor: Actor | None = None,
) -> Limit:
    """Change what is given, for the current period and those to come; what is over stays.

    Turns that run finish within what they hold, new ones are measured by the new limit. Raises
    LimitEnded, and AmountInvalid or LimitInvalid as `set_limit`.
    """
    with transaction.atomic():
        limit = _locked(limit_id)
        before = _detail(limit)
        if amount_nano_usd is not None:
            limit.amount_nano_usd = check_amount(amount_nano_usd)
        if is_hard is not None:
            limit.is_hard = is_hard
        if warn_percents is not None:
            limit.warn_percents = checked_percents(warn_percents)
        after = _detail(limit)
        if after == before:
            return limit
        limit.save(update_fields=["amount_nano_usd", "is_hard", "warn_percents"])
        # A statement after the lock: its time is not before that of who opened a period just now.
        moment = Limit.objects.annotate(moment=Now()).get(pk=limit.pk).moment
        budgets = locked_budgets_from_now_on(limit, moment)
        Budget.objects.filter(pk__in=[budget.pk for budget in budgets]).update(
            granted_nano_usd=limit.amount_nano_usd, is_hard=limit.is_hard
        )
        changed = {f"old_{name}": old for name, old in before.items() if old != after[name]}
        record(actor, "limit_changed", limit, **after, **changed)
        return limit


def end_limit(limit_id: int, *, actor: Actor | None = None) -> None:
    """Let a limit bound nothing any more; its budgets stay for the turns that hold in them.

    Raises LimitEnded.
    """
    with transaction.atomic():
        limit = _locked(limit_id)
        Limit.objects.filter(pk=limit.pk).update(ended_at=Now())
        record(actor, "limit_ended", limit, **_detail(limit))


def check_limit(new: NewLimit) -> None:
    """Raise AmountInvalid, ZoneUnknown or LimitInvalid for a limit that makes no sense."""
    named = (new.team_id, new.person_id, new.conversation_id, new.api_key_id)
    if tuple(owner is not None for owner in named) != _OWNERS[new.scope]:
        raise LimitInvalid(_WANTED[new.scope])
    check_amount(new.amount_nano_usd)
    check_zone(new.zone)
    checked_percents(new.warn_percents)


def check_amount(amount_nano_usd: int) -> int:
    """The same amount, if a limit may have it: from 0 on. Raises AmountInvalid."""
    if amount_nano_usd < 0:
        raise AmountInvalid("A limit is not negative.")
    if amount_nano_usd > MAX_GRANT_NANO_USD:
        raise AmountInvalid("A limit is at most %(amount)s.", amount=format_usd(MAX_GRANT_NANO_USD))
    return amount_nano_usd


def check_zone(zone: str) -> None:
    """Raise ZoneUnknown unless it is a zone's name; nothing is the installation's zone."""
    if not zone:
        return
    try:
        ZoneInfo(zone)
    except (ValueError, KeyError, OSError):
        raise ZoneUnknown from None


def checked_percents(text: str) -> str:
    """Such as "80,100": whole numbers from 1 to 100, each once, rising. Raises LimitInvalid."""
    shares = [share.strip() for share in text.split(",") if share.strip()]
    if not all(share.isascii() and share.isdecimal() and len(share) <= 3 for share in shares):
        raise LimitInvalid("Warn at whole percentages with commas, such as 80,100.")
    percents = sorted({int(share) for share in shares})
    if any(not 1 <= percent <= 100 for percent in percents):
        raise LimitInvalid("Warn at percentages from 1 to 100.")
    joined = ",".join(str(percent) for percent in percents)
    if len(joined) > 40:
        raise LimitInvalid("These are too many percentages to warn at.")
    return joined


def _locked(limit_id: int) -> Limit:
    # Weakly: who opens a period locks it as we do, a row that only names it need not wait.
    rows = Limit.objects.select_for_update(of=("self",), no_key=True)
    limit = rows.select_related("team", "person").get(pk=limit_id)
    if limit.ended_at is not None:
        raise LimitEnded
    return limit


def _detail(limit: Limit) -> dict[str, str]:
    of_key = {} if limit.api_key_id is None else {"api_key": str(limit.api_key_id)}
    return {
        **of_key,
        "scope": limit.scope,
        "period": limit.period,
        "zone": limit.zone,
        "amount": format_usd(limit.amount_nano_usd),
        "hard": "yes" if limit.is_hard else "no",
        "warn_percents": limit.warn_percents,
    }
