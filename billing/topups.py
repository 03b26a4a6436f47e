"""Top-ups: credit for money that was paid, in USD or in CNY at the installation's own rule."""

from enum import StrEnum
from uuid import UUID, uuid4

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from billing.budgets import check_grant, grant_credit
from billing.errors import AmountInvalid, TopUpRepeated
from billing.models import Transfer
from billing.money import NANO_USD_PER_USD, format_usd, usd_to_nano

MAX_USD_PER_CNY = 100
"""A rule above this is a slip of the pen."""
MAX_KEY_CHARACTERS = 100
MAX_NOTE_CHARACTERS = 200


class Currency(StrEnum):
    """What was paid in."""

    USD = "USD"
    CNY = "CNY"


def top_up(
    *,
    team_id: UUID,
    amount: str,
    currency: Currency = Currency.USD,
    person_id: int | None = None,
    note: str = "",
    idempotency_key: str = "",
) -> Transfer:
    """Give a team credit for an amount that was paid, once per idempotency key.

    `amount` is a decimal string such as "50"; CNY become USD by TOPUP_USD_PER_CNY. The grant's
    note names amount and rule before `note`. With a known key the transfer made before is
    returned. Raises AmountInvalid for what is not above zero, not exact in nano-USD or more than
    is granted at once, TopUpRepeated where the key belongs to another team or amount.
    """
    credit_nano_usd = credit_for(amount, currency)
    if len(idempotency_key) > MAX_KEY_CHARACTERS:
        raise TopUpRepeated(f"A key has at most {MAX_KEY_CHARACTERS} characters.")
    told = f"{_rule(amount, currency)}; {note}" if note else _rule(amount, currency)
    transfer = grant_credit(
        team_id=team_id,
        amount_nano_usd=credit_nano_usd,
        person_id=person_id,
        note=told[:MAX_NOTE_CHARACTERS],
        idempotency_key=f"topup:{idempotency_key or uuid4()}",
    )
    if (transfer.team_id, transfer.amount_nano_usd) != (team_id, credit_nano_usd):
        raise TopUpRepeated
    return transfer


def credit_for(amount: str, currency: Currency) -> int:
    """The credit for an amount that was paid, in nano-USD, exactly. AmountInvalid as `top_up`."""
    paid_nano = _paid(amount, currency)
    credit_nano_usd, lost = paid_nano, 0
    if currency == Currency.CNY:
        credit_nano_usd, lost = divmod(paid_nano * usd_per_cny_nano(), NANO_USD_PER_USD)
    if lost:
        raise AmountInvalid(
            "CNY %(amount)s at USD %(rate)s for one has more than nine decimal places in USD.",
            amount=amount,
            rate=settings.TOPUP_USD_PER_CNY,
        )
    check_grant(credit_nano_usd)
    return credit_nano_usd


def usd_per_cny_nano() -> int:
    """The setting TOPUP_USD_PER_CNY, in nano-USD. Raises ImproperlyConfigured where it is none."""
    try:
        rate_nano_usd = usd_to_nano(settings.TOPUP_USD_PER_CNY)
    except AmountInvalid as error:
        raise ImproperlyConfigured(f"TOPUP_USD_PER_CNY: {error}") from error
    if not 0 < rate_nano_usd <= MAX_USD_PER_CNY * NANO_USD_PER_USD:
        raise ImproperlyConfigured(
            f"TOPUP_USD_PER_CNY: must be above 0 and at most {MAX_USD_PER_CNY}."
        )
    return rate_nano_usd


def _paid(amount: str, currency: Currency) -> int:
    """The amount in 10^-9 of its currency."""
    try:
        paid_nano = usd_to_nano(amount)
    except AmountInvalid as error:
        # The same reading as of USD, with the currency's own name.
        raise AmountInvalid(error.text.replace("USD", currency), **error.figures) from error
    if paid_nano <= 0:
        raise AmountInvalid("A top-up is more than zero.")
    return paid_nano


def _rule(amount: str, currency: Currency) -> str:
    paid = format_usd(_paid(amount, currency)).replace("USD", currency)
    if currency == Currency.USD:
        return f"Top-up of {paid}"
    return f"Top-up of {paid} at {format_usd(usd_per_cny_nano())} for CNY 1"
