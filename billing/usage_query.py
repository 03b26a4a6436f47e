"""What the address of a page of usage asks for, and the addresses of the same page changed.

Everything that was chosen is in the address, so that it can be sent to others; the zone and the
currency are remembered beside, for the next time.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from accounts.policy import Principal
from billing.exchange import Conversion, conversion
from billing.models import Currency
from billing.usage_filters import Filter, told
from billing.zones import chosen_zone, day_start, today, zones

REMEMBERED = "statement_currency"
OLDEST = date(2000, 1, 1)


@dataclass(frozen=True)
class Asked:
    """A month by its first day, in the days of a zone, beside USD in a currency, of a part."""

    month: date
    zone: str
    currency: str
    only: Filter

    @classmethod
    def of(cls, request: HttpRequest, *narrows: str) -> "Asked":
        """Read the address; of the filters those named alone. What it asks wrongly is ignored."""
        zone = chosen_zone(request)
        query = {name: request.GET.get(name, "") for name in narrows}
        return cls(_month(request, zone), zone, _currency(request), Filter.from_query(query))

    def query(self, **changed: Any) -> str:
        """The query of this page with some of it changed; None removes a filter."""
        asked: dict[str, Any] = {
            "month": f"{self.month:%Y-%m}",
            "zone": self.zone,
            "currency": self.currency,
            **self.only.narrows,
            **changed,
        }
        # Without any currency it says so, or the remembered one would come back.
        kept = {
            name: value
            for name, value in asked.items()
            if name == "currency" or value not in (None, "")
        }
        return "?" + urlencode(kept)

    def rate(self) -> Conversion | None:
        """The rate at the end of the month, or now, where it is not over."""
        after = day_start(_after(self.month), self.zone)
        last_moment = min(after - timedelta(microseconds=1), datetime.now(UTC))
        return conversion(self.currency, last_moment)

    def choices(self, reader: Principal, team: str = "", person: str = "") -> dict[str, Any]:
        """What the template needs to offer other months, zones, currencies, and no filter; with
        the names of the team and the person that it is narrowed to."""
        before = (self.month - timedelta(days=1)).replace(day=1)
        after = _after(self.month)
        follows = after <= today(self.zone)
        return {
            "asked": self,
            "query": self.query(),
            "zone": self.zone,
            "zones": [(name, self.query(zone=name)) for name in zones()],
            "currency": self.currency,
            "currencies": [(name, self.query(currency=name)) for name in Currency.values],
            "without_currency": self.query(currency=""),
            "month": self.month,
            "month_before": (before, self.query(month=f"{before:%Y-%m}")),
            "month_after": (after, self.query(month=f"{after:%Y-%m}")) if follows else None,
            "chips": [
                (text, self.query(**{name: None}))
                for name, text in told(self.only, reader, team, person)
            ],
            "rate": self.rate(),
        }


def _after(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _month(request: HttpRequest, zone: str) -> date:
    """The first day of the month that the address asks for; of this one, where that is none."""
    now = today(zone).replace(day=1)
    try:
        asked = datetime.strptime(request.GET.get("month", ""), "%Y-%m").date()
    except ValueError:
        return now
    return asked if OLDEST <= asked <= now else now


def _currency(request: HttpRequest) -> str:
    asked = request.GET.get("currency")
    if asked is not None:
        request.session[REMEMBERED] = asked if asked in Currency.values else ""
    return str(request.session.get(REMEMBERED, ""))
