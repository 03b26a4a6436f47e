"""Days, weeks and months begin when they begin in their zone, daylight saving or not."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.limits import next_start, period_start
from billing.models import Period

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Ho_Chi_Minh",
    "Asia/Shanghai",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Etc/GMT+12",
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
FRESH = st.sampled_from([Period.DAY, Period.WEEK, Period.MONTH])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "before", "after", "day"),
    [
        # Midnight is an hour earlier in summer: the days of the change have 23 and 25 hours.
        ("Europe/Berlin", "2026-03-28T22:59:59", "2026-03-28T23:00", date(2026, 3, 29)),
        ("Europe/Berlin", "2026-03-29T21:59:59", "2026-03-29T22:00", date(2026, 3, 30)),
        ("Europe/Berlin", "2026-10-24T21:59:59", "2026-10-24T22:00", date(2026, 10, 25)),
        ("Europe/Berlin", "2026-10-25T22:59:59", "2026-10-25T23:00", date(2026, 10, 26)),
        ("America/New_York", "2026-03-08T04:59:59", "2026-03-08T05:00", date(2026, 3, 8)),
        ("America/New_York", "2026-03-09T03:59:59", "2026-03-09T04:00", date(2026, 3, 9)),
        ("America/New_York", "2026-11-02T04:59:59", "2026-11-02T05:00", date(2026, 11, 2)),
        ("Asia/Ho_Chi_Minh", "2026-12-31T16:59:59", "2026-12-31T17:00", date(2027, 1, 1)),
        ("Pacific/Kiritimati", "2026-06-30T09:59:59", "2026-06-30T10:00", date(2026, 7, 1)),
        ("Etc/GMT+12", "2026-07-01T11:59:59", "2026-07-01T12:00", date(2026, 7, 1)),
    ],
)
def test_a_day_begins_at_midnight_of_its_zone(
    zone: str, before: str, after: str, day: date
) -> None:
    assert period_start(Period.DAY, zone, at(before)) == day - timedelta(days=1)
    assert period_start(Period.DAY, zone, at(after)) == day


@pytest.mark.parametrize(
    ("zone", "before", "after", "first"),
    [
        ("Asia/Shanghai", "2026-11-30T15:59:59", "2026-11-30T16:00", date(2026, 12, 1)),
        ("Asia/Shanghai", "2028-02-29T15:59:59", "2028-02-29T16:00", date(2028, 3, 1)),
        ("Asia/Ho_Chi_Minh", "2026-11-30T16:59:59", "2026-11-30T17:00", date(2026, 12, 1)),
        ("UTC", "2026-12-31T23:59:59", "2027-01-01T00:00", date(2027, 1, 1)),
    ],
)
def test_a_month_begins_on_the_first_of_its_zone(
    zone: str, before: str, after: str, first: date
) -> None:
    month_before = (first - timedelta(days=1)).replace(day=1)
    assert period_start(Period.MONTH, zone, at(before)) == month_before
    assert period_start(Period.MONTH, zone, at(after)) == first
    assert next_start(Period.MONTH, month_before) == first


def test_a_week_begins_on_monday() -> None:
    sunday = at("2026-11-22T12:00")
    assert period_start(Period.WEEK, "UTC", sunday) == date(2026, 11, 16)
    assert period_start(Period.WEEK, "Pacific/Kiritimati", sunday) == date(2026, 11, 23)
    assert next_start(Period.WEEK, date(2026, 11, 16)) == date(2026, 11, 23)


def test_what_never_starts_afresh_has_neither_first_nor_next_day() -> None:
    assert period_start(Period.NONE, "UTC", at("2026-11-21T00:00")) is None
    assert next_start(Period.NONE, None) is None


@given(moment=MOMENTS, zone=st.sampled_from(ZONES), period=FRESH)
def test_every_moment_is_within_one_period(moment: datetime, zone: str, period: Period) -> None:
    start = period_start(period, zone, moment)
    assert start is not None
    after = next_start(period, start)
    today = moment.astimezone(ZoneInfo(zone)).date()
    assert after is not None
    assert start <= today < after
    # The last day before and the first day after belong to other periods.
    assert next_start(period, period_start(period, zone, _noon(after, zone))) != after
    day_before = _noon(start - timedelta(days=1), zone)
    assert next_start(period, period_start(period, zone, day_before)) == start
    assert period_start(period, zone, _noon(after, zone)) == after


@given(moment=MOMENTS, later=st.timedeltas(timedelta(0), timedelta(days=400)), period=FRESH)
def test_a_later_moment_is_never_in_an_earlier_period(
    moment: datetime, later: timedelta, period: Period
) -> None:
    for zone in ZONES:
        start = period_start(period, zone, moment)
        then = period_start(period, zone, moment + later)
        assert start is not None
        assert then is not None
        assert start <= then


@given(moment=MOMENTS, zone=st.sampled_from(ZONES))
def test_a_day_of_a_zone_has_23_to_25_hours(moment: datetime, zone: str) -> None:
    day = period_start(Period.DAY, zone, moment)
    hours = 0
    while period_start(Period.DAY, zone, moment + timedelta(hours=hours)) == day:
        hours += 1
    back = 1
    while period_start(Period.DAY, zone, moment - timedelta(hours=back)) == day:
        back += 1
    assert 23 <= hours + back - 1 <= 25


def _noon(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone))
