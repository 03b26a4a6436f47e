"""Amounts in USD shown in another currency, at a rate with a date. The ledger knows USD alone."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from django.db.models.functions import Now
from django.utils.formats import number_format

from billing.errors import RateInvalid
from billing.formatting import NBSP
from billing.models import Currency, ExchangeRate
from billing.money import NANO_USD_PER_USD

MICRO = 10**6
MAX_UNITS_PER_USD = 10**7
PLACES = {Currency.CNY: 2, Currency.VND: 0}
"""Decimal places of the smallest amount that is paid in a currency."""


@dataclass(frozen=True)
class Conversion:
    """A rate: what USD 1 is, in millionths of the currency's unit, and since when."""

    currency: Currency
    micro_units_per_usd: int
    starts_at: datetime

    @property
    def units_per_usd(self) -> Decimal:
        """What USD 1 is, exactly."""
        return Decimal(self.micro_units_per_usd).scaleb(-6)

    def of(self, nano_usd: int) -> Decimal:
        """The amount, rounded to what is paid at least; half of that to the even neighbour."""
        places = PLACES[self.currency]
        dividend = nano_usd * self.micro_units_per_usd * 10**places
        whole, left = divmod(dividend, NANO_USD_PER_USD * MICRO)
        twice = 2 * left - NANO_USD_PER_USD * MICRO
        return Decimal(whole + (twice > 0 or (twice == 0 and whole % 2 == 1))).scaleb(-places)

    def shown(self, nano_usd: int) -> str:
        """The amount as a person reads it."""
        amount = self.of(nano_usd)
        number = number_format(abs(amount), PLACES[self.currency], force_grouping=True)
        return ("−" if amount < 0 else "") + f"{self.currency}{NBSP}{number}"


def conversion(currency: str, moment: datetime) -> Conversion | None:
    """The rate of a currency at a moment; None where none had started, or it is none of ours."""
    if currency not in Currency.values:
        return None
    rates = ExchangeRate.objects.filter(currency=currency, starts_at__lte=moment)
    found = rates.order_by("-starts_at", "-id").first()
    if found is None:
        return None
    return Conversion(Currency(found.currency), found.micro_units_per_usd, found.starts_at)


def units_to_micro(units: Decimal | str) -> int:
    """What USD 1 is, such as "7.2", in millionths; RateInvalid unless exact and within reason."""
    try:
        amount = Decimal(units.strip() if isinstance(units, str) else units)
    except InvalidOperation:
        raise RateInvalid("%(text)s is not a rate, such as 7.2.", text=repr(units)) from None
    if not amount.is_finite() or not 0 < amount < MAX_UNITS_PER_USD:
        raise RateInvalid("A rate is above 0 and below %(most)s.", most=f"{MAX_UNITS_PER_USD:,}")
    exponent = amount.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -6:
        raise RateInvalid("%(text)s has more than six decimal places.", text=str(units))
    return int(amount.scaleb(6))


def set_rate(
    currency: str,
    micro_units_per_usd: int,
    starts_at: datetime | None = None,
    person_id: int | None = None,
) -> ExchangeRate:
    """Write down a rate that holds from a moment on, by default now. RateInvalid."""
    if currency not in Currency.values:
        raise RateInvalid(
            "%(text)s is none of %(known)s.", text=repr(currency), known=", ".join(Currency.values)
        )
    if not 0 < micro_units_per_usd < MAX_UNITS_PER_USD * MICRO:
        raise RateInvalid("A rate is above 0 and below %(most)s.", most=f"{MAX_UNITS_PER_USD:,}")
    made = ExchangeRate.objects.create(
        currency=currency,
        micro_units_per_usd=micro_units_per_usd,
        starts_at=starts_at or Now(),
        created_by_id=person_id,
    )
    made.refresh_from_db()
    return made
