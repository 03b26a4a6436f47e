"""What the replay must come to: plain Python and fractions, without any code of billing."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from tests.benchmarks.replay.plan import Try, Turn

LEAST_ANSWER = 256
NAMES = (
    "turns",
    "failures",
    "tokens_in",
    "tokens_out",
    "tokens_cached",
    "tokens_of_reasoning",
    "cost_nano_usd",
    "corrected_nano_usd",
    "relay_cost_nano_usd",
    "official_nano_usd",
    "paid_where_official_nano_usd",
)
Price = tuple[int | None, ...]
Sums = dict[str, int]


def up(exact: Fraction) -> int:
    """Rounded up to the next nano-USD."""
    return -(-exact.numerator // exact.denominator)


@dataclass
class Purse:
    """A bound on spending, with what was spent and held below it."""

    granted: int = 0
    spent: int = 0
    held: int = 0
    hard: bool = True

    @property
    def left(self) -> int:
        return self.granted - self.spent - self.held


@dataclass
class Bound:
    """A limit: its purses by the first day of their periods."""

    scope: str
    team: int | None
    person: int | None
    conversation: int | None
    period: str
    zone: str
    amount: int
    hard: bool
    ended: bool = False
    purses: dict[date | None, Purse] = field(default_factory=dict)

    def applies(self, turn: Turn) -> bool:
        """Whether a turn is below it."""
        if self.ended or (self.team is not None and self.team != turn.team):
            return False
        talk = self.conversation is None or self.conversation == turn.conversation
        return talk and self.person in (None, turn.person)

    def start(self, moment: datetime) -> date | None:
        """The first day of the period that a moment is in."""
        day = moment.astimezone(ZoneInfo(self.zone or "UTC")).date()
        back = {"day": 0, "week": day.weekday(), "month": day.day - 1}
        return day - timedelta(days=back[self.period]) if self.period in back else None

    def purse(self, moment: datetime) -> Purse:
        """That of the period, made with the amount of now."""
        fresh = Purse(self.amount, hard=self.hard)
        return self.purses.setdefault(self.start(moment), fresh)


@dataclass
class Entry:
    """A turn as it was held for and settled. `ours`: each try's part of the relay's price."""

    turn: Turn
    price: Price
    factor: Fraction
    amount: int
    max_tokens: int
    purses: list[Purse]
    settled: datetime | None = None
    cost: int = 0
    relay_cost: int = 0
    official: int | None = None
    ours: list[int] = field(default_factory=list)
    corrected: int = 0
    relay_corrected: int = 0
    corrections: list[tuple[datetime, int, int]] = field(default_factory=list)


def price_of_try(each: Try, price: Price) -> Fraction:
    """What a relay asks for one try."""
    into, out, cached_price, reasoning_price, image, *_ = price
    cached, reasoning = each.cached or 0, each.reasoning or 0
    total = Fraction((each.tokens_in - cached) * (into or 0))
    total += cached * ((into if cached_price is None else cached_price) or 0)
    total += (each.tokens_out - reasoning) * (out or 0)
    total += reasoning * ((out if reasoning_price is None else reasoning_price) or 0)
    return total / 10**6 + each.images * (image or 0)


class Books:
    """The reckoning, event by event."""

    def __init__(self) -> None:
        self.prices: dict[str, Price] = {}
        self.markups: dict[int | None, int] = {}
        self.credit: dict[int, Purse] = defaultdict(Purse)
        self.grants: list[tuple[datetime, int, int]] = []
        self.bounds: list[Bound] = []
        self.entries: dict[int, Entry] = {}

    def grant(self, moment: datetime, team: int, amount: int) -> None:
        """Credit, or less of it."""
        self.credit[team].granted += amount
        self.grants.append((moment, team, amount))

    def change(self, moment: datetime, index: int, amount: int) -> None:
        """Another amount for a limit, from the period of now on."""
        bound = self.bounds[index]
        bound.amount = amount
        for start, purse in bound.purses.items():
            now = bound.start(moment)
            if start is None or now is None or start >= now:
                purse.granted = amount

    def hold(self, turn: Turn, moment: datetime) -> Entry | None:
        """What is held for a turn; None where it must be refused."""
        purses = [bound.purse(moment) for bound in self.bounds if bound.applies(turn)]
        purses.append(self.credit[turn.team])
        price = self.prices[turn.model]
        into, out, cached, reasoning, image, *_ = (each or 0 for each in price)
        factor = 1 + Fraction(self.markups.get(turn.team, self.markups.get(None, 0)), 10_000)
        besides = Fraction(turn.bytes_in * max(into, cached), 10**6) + turn.max_images * image
        a_token = Fraction(max(out, reasoning), 10**6)
        least_left = min(purse.left for purse in purses if purse.hard)
        fits = (Fraction(least_left) / factor - besides) / a_token
        tokens = min(turn.max_tokens, fits.numerator // fits.denominator)
        if tokens < min(turn.max_tokens, LEAST_ANSWER):
            return None
        amount = up((besides + tokens * a_token) * factor)
        for purse in purses:
            purse.held += amount
        entry = Entry(turn, price, factor, amount, tokens, purses)
        self.entries[turn.number] = entry
        return entry

    def settle(self, entry: Entry, moment: datetime) -> None:
        """What a turn costs in the end."""
        turn, price = entry.turn, entry.price
        exact = Fraction(0)
        for each in turn.tries:
            before = up(exact)
            exact += price_of_try(each, price) if each.billed else 0
            entry.ours.append(up(exact) - before)
        if turn.estimated:
            # Never beyond the worst that was held for.
            into, out, cached, reasoning, image, *_ = (each or 0 for each in price)
            worst = Fraction(turn.bytes_in * max(into, cached), 10**6)
            worst += Fraction(entry.max_tokens * max(out, reasoning), 10**6)
            exact = min(exact, worst + turn.max_images * image)
        entry.cost, entry.relay_cost = up(exact * entry.factor), up(exact)
        official_in, official_out = price[5:]
        if official_in is not None and official_out is not None:
            tokens = (turn.total("tokens_in") or 0, turn.total("tokens_out") or 0)
            official = Fraction(tokens[0] * official_in + tokens[1] * official_out, 10**6)
            entry.official = up(official)
        entry.settled = moment
        for purse in entry.purses:
            purse.held -= entry.amount
            purse.spent += entry.cost

    def correct(self, entry: Entry, moment: datetime, more_at_relay: int) -> None:
        """A relay asks so much more for a turn, or less."""
        entry.relay_corrected += more_at_relay
        should = up((entry.relay_cost + entry.relay_corrected) * entry.factor)
        more = should - entry.cost - entry.corrected
        entry.corrected += more
        entry.corrections.append((moment, more, more_at_relay))
        for purse in entry.purses:
            purse.spent += more
