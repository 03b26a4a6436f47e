"""In whose days usage is counted: the zones to choose from, and where their days begin."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest

REMEMBERED = "usage_zone"
"""Where a session has the zone that was chosen."""


def zones() -> Sequence[str]:
    """The zones that usage is counted in; the installation's own first."""
    return tuple(dict.fromkeys((settings.BILLING_ZONE, *settings.STATEMENT_ZONES)))


def chosen_zone(request: HttpRequest) -> str:
    """The zone that the address asks for, which the session remembers; else the remembered one."""
    known, asked = zones(), request.GET.get("zone", "")
    if asked in known:
        request.session[REMEMBERED] = asked
        return asked
    remembered = request.session.get(REMEMBERED, "")
    return remembered if remembered in known else known[0]


def today(zone: str) -> date:
    """The day that it is there."""
    return datetime.now(ZoneInfo(zone)).date()


def day_start(day: date, zone: str) -> datetime:
    """The moment in UTC at which a day begins; where midnight is left out, the first after it."""
    return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)


def span(first: date, last: date, zone: str) -> tuple[datetime, datetime]:
    """The moments from which, and before which, the days lie: both are in."""
    return day_start(first, zone), day_start(last + timedelta(days=1), zone)
