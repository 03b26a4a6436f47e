"""Tying out: every sum that the product keeps or tells, and the reckoning."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Sum

from billing.figures import Figures
from billing.models import Account, AccountKind, Budget, Settlement, Transfer, TransferKind
from billing.statements import Line, Statement, statement
from billing.usage import Slice, Usage
from billing.zones import zones
from tests.benchmarks.replay.books import NAMES, Books, Entry, Sums
from tests.benchmarks.replay.playing import Player

MONTHS = (date(2025, 9, 1), date(2025, 10, 1), date(2025, 11, 1))
Key = tuple[date, int, int, str]


def tie_out(player: Player, books: Books) -> Iterator[str]:
    """Every figure that is not what the reckoning says."""
    yield from _in_all(books)
    for number, team in enumerate(player.teams):
        yield from _team(number, team.pk, books)
    yield from _budgets(player, books)
    for zone in zones():
        daily = by_day(books, zone)
        yield from _usage(player, daily, zone)
        for number, team in enumerate(player.teams):
            for month in MONTHS:
                told = statement(team, month, zone)
                yield from _statement(player, books, daily, number, told)


def spent(books: Books) -> int:
    """What all turns cost, in nano-USD."""
    return sum(entry.cost + entry.corrected for entry in books.entries.values())


def by_day(books: Books, zone: str) -> dict[Key, Sums]:
    """The reckoning by day, team, person and model: corrections on the day they were posted."""
    there = ZoneInfo(zone)
    sums: dict[Key, Sums] = defaultdict(lambda: dict.fromkeys(NAMES, 0))
    for entry in books.entries.values():
        turn = entry.turn
        if entry.settled is None:
            continue
        who = (turn.team, turn.person, turn.model)
        _add(sums[entry.settled.astimezone(there).date(), *who], _settled(entry))
        for moment, more, more_at_relay in entry.corrections:
            corrected = {"cost_nano_usd": more, "corrected_nano_usd": more}
            corrected["relay_cost_nano_usd"] = more_at_relay
            if entry.official is not None:
                corrected["paid_where_official_nano_usd"] = more
            _add(sums[moment.astimezone(there).date(), *who], corrected)
    return sums


def _settled(entry: Entry) -> Sums:
    turn, official = entry.turn, entry.official
    return {
        "turns": 1,
        "failures": turn.outcome.startswith("failed") or turn.outcome == "orphaned",
        "tokens_in": turn.total("tokens_in") or 0,
        "tokens_out": turn.total("tokens_out") or 0,
        "tokens_cached": turn.total("cached") or 0,
        "tokens_of_reasoning": turn.total("reasoning") or 0,
        "cost_nano_usd": entry.cost,
        "relay_cost_nano_usd": entry.relay_cost,
        "official_nano_usd": official or 0,
        "paid_where_official_nano_usd": 0 if official is None else entry.cost,
    }


def _add(to: Sums, more: Sums) -> None:
    for name, value in more.items():
        to[name] += value


def _expect(what: str, found: object, should: object) -> Iterator[str]:
    if found != should:
        yield f"{what} is {found}, should be {should}"


def _in_all(books: Books) -> Iterator[str]:
    rows = Settlement.objects.aggregate(
        cost=Sum("cost_nano_usd"), corrected=Sum("corrected_nano_usd")
    )
    yield from _expect("settled and corrected", sum(map(int, rows.values())), spent(books))
    moved = Transfer.objects.order_by()
    paid = _sum(moved.filter(kind=TransferKind.CAPTURE), "amount_nano_usd")
    corrected = moved.filter(kind=TransferKind.CORRECTION)
    paid += _sum(corrected.filter(debit__kind=AccountKind.WALLET), "amount_nano_usd")
    paid -= _sum(corrected.filter(debit__kind=AccountKind.SPENDING), "amount_nano_usd")
    yield from _expect("moved by transfers", paid, spent(books))
    spending = Account.objects.filter(kind=AccountKind.SPENDING)
    credits = _sum(spending, "credits_posted_nano_usd")
    on_accounts = credits - _sum(spending, "debits_posted_nano_usd")
    yield from _expect("on accounts of spending", on_accounts, spent(books))


def _team(number: int, team_id: Any, books: Books) -> Iterator[str]:
    purse = books.credit[number]
    wallet = Account.objects.get(kind=AccountKind.WALLET, team_id=team_id)
    left = wallet.credits_posted_nano_usd - wallet.debits_posted_nano_usd
    left -= wallet.debits_pending_nano_usd - wallet.credits_pending_nano_usd
    yield from _expect(f"wallet of team {number}", left, purse.left)
    budget = Budget.objects.get(limit=None, team_id=team_id)
    found = (budget.granted_nano_usd, budget.posted_nano_usd, budget.held_nano_usd)
    yield from _expect(f"credit of team {number}", found, (purse.granted, purse.spent, purse.held))


def _budgets(player: Player, books: Books) -> Iterator[str]:
    """Those of limits, by their order and period; one that was only asked of is not there."""
    rows = Budget.objects.exclude(limit=None).order_by()
    found = {
        (player.place_of(row.limit_id), row.period_start): (row.posted_nano_usd, row.held_nano_usd)
        for row in rows
    }
    for index, bound in enumerate(books.bounds):
        for start, purse in bound.purses.items():
            told = found.pop((index, start), (0, 0))
            yield from _expect(f"limit {index} of {start}", told, (purse.spent, purse.held))
    yield from _expect("budgets of no period", found, {})


def _usage(player: Player, daily: dict[Key, Sums], zone: str) -> Iterator[str]:
    usage = Usage(zone)
    found: dict[Any, Figures]
    names = {"day": 0, "team_id": 1, "person_id": 2, "model": 3}
    for name, place in names.items():
        found = usage.by(name, Slice())
        yield from _same(f"usage by {name} in {zone}", found, _by(player, daily, place))


def _statement(
    player: Player, books: Books, daily: dict[Key, Sums], team: int, told: Statement
) -> Iterator[str]:
    what = f"statement of team {team}, {told.first:%Y-%m} in {told.zone}"
    mine = {key: sums for key, sums in daily.items() if key[1] == team}
    month = {key: sums for key, sums in mine.items() if told.first <= key[0] <= told.last}
    tables: Iterable[tuple[tuple[Line, ...], int]] = ((told.days, 0), (told.models, 3))
    for lines, place in (*tables, (told.people, 2)):
        found = {line.name: line.figures for line in lines}
        yield from _same(what, found, _by(player, month, place, named=True))
    before = sum(sums["cost_nano_usd"] for key, sums in mine.items() if key[0] < told.first)
    there = ZoneInfo(told.zone)
    days = [(moment.astimezone(there).date(), of, each) for moment, of, each in books.grants]
    opening = sum(each for day, of, each in days if of == team and day < told.first) - before
    booked = [each for day, of, each in days if of == team and told.first <= day <= told.last]
    cost = sum(sums["cost_nano_usd"] for sums in month.values())
    yield from _expect(f"{what}: start", told.opening_nano_usd, opening)
    given = sum(each for each in booked if each > 0)
    yield from _expect(f"{what}: given", told.given_nano_usd, given)
    yield from _expect(f"{what}: end", told.closing_nano_usd, opening + sum(booked) - cost)
    yield from _expect(f"{what}: spend", told.figures.cost_nano_usd, cost)
    held = _held(books, team, told.until)
    yield from _expect(f"{what}: held", told.held_nano_usd, held)


def _held(books: Books, team: int, until: datetime) -> int:
    mine = (entry for entry in books.entries.values() if entry.turn.team == team)
    return sum(
        entry.amount
        for entry in mine
        if entry.turn.began < until and (entry.settled is None or entry.settled >= until)
    )


def _by(
    player: Player, daily: dict[Key, Sums], place: int, *, named: bool = False
) -> dict[Any, Sums]:
    ids: dict[int, Any] = {
        0: lambda day: day.isoformat() if named else day,
        1: lambda team: player.teams[team].pk,
        2: lambda who: player.people[who].username if named else player.people[who].pk,
        3: str,
    }
    sums: dict[Any, Sums] = defaultdict(lambda: dict.fromkeys(NAMES, 0))
    for key, more in daily.items():
        _add(sums[ids[place](key[place])], more)
    return sums


def _same(what: str, found: dict[Any, Figures], should: dict[Any, Sums]) -> Iterator[str]:
    for key in found.keys() | should.keys():
        told = {name: getattr(found.get(key, Figures()), name) for name in NAMES}
        yield from _expect(f"{what}, {key}", told, should.get(key, dict.fromkeys(NAMES, 0)))


def _sum(rows: Any, column: str) -> int:
    return int(rows.aggregate(sum=Sum(column))["sum"] or 0)
