"""The relays' bills of the month, and differences planted into them."""

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from billing.reconciliation_matching import Billed
from tests.benchmarks.replay.books import Books, Entry, price_of_try, up
from tests.benchmarks.replay.plan import SINCE, UNTIL, Try

KINDS = (
    "unbilled",
    "lost_row",
    "double_attempt",
    "price_drift",
    "token_drift",
    "cache_drift",
    "rounding",
)
EDGE = timedelta(minutes=5)
"""Nothing is planted so near to the month's edges."""
Place = tuple[int, int]


@dataclass
class RelayBill:
    """A relay's bill. `rows` are ours by turn and try, `strange` those of no try of ours.

    `wanted` is what must be found: each difference's cause, or for rows of nobody their number.
    """

    relay: str
    rows: dict[Place, Billed] = field(default_factory=dict)
    strange: list[Billed] = field(default_factory=list)
    wanted: dict[Place, str] = field(default_factory=dict)

    @property
    def lines(self) -> tuple[Billed, ...]:
        """The whole bill."""
        return (*self.rows.values(), *self.strange)

    @property
    def causes(self) -> dict[str, int]:
        """How many findings of each cause there must be."""
        counts = Counter(self.wanted.values())
        counts["lost_row"] += len(self.strange)
        return {cause: count for cause, count in counts.items() if count}


def clean(books: Books, relay: str, seed: int) -> RelayBill:
    """A bill that agrees in everything. Each row is rounded up by itself, so that tries of one turn
    that share a fraction of a nano-USD may differ by one: these are wanted as roundings."""
    chance = random.Random(f"{seed} {relay}")
    bill = RelayBill(relay)
    for number, entry in books.entries.items():
        if entry.settled is None:
            continue
        for index, each in enumerate(entry.turn.tries):
            if each.relay != relay or not each.billed:
                continue
            # The relay's clock is a little off.
            at = each.began + timedelta(milliseconds=chance.randint(-2000, 2000))
            cost = up(price_of_try(each, entry.price))
            bill.rows[number, index] = _row(len(bill.rows) + 2, entry, each, at, cost)
            if cost != entry.ours[index] and SINCE <= at < UNTIL:
                bill.wanted[number, index] = "rounding"
    return bill


def planted(books: Books, bill: RelayBill, times: int, seed: int) -> RelayBill:
    """The same bill with each kind of difference so many times, and another count of ours wherever
    we only estimated."""
    chance = random.Random(f"planted {seed} {bill.relay}")
    false = RelayBill(bill.relay, dict(bill.rows), [], dict(bill.wanted))
    inside = [
        place
        for place, row in bill.rows.items()
        if SINCE + EDGE < row.at < UNTIL - EDGE
        and SINCE + EDGE < books.entries[place[0]].turn.ended < UNTIL - EDGE
    ]
    for place in inside:
        if _of(books, place).estimated:
            _drift(books, false, place, chance)
    free = [place for place in inside if false.wanted.get(place) is None]
    # Far from each other, so that none hides another.
    apart = len(books.entries) // (times * len(KINDS) * 3)
    used: list[int] = []
    for kind in KINDS:
        tried_twice = kind == "double_attempt"
        pool = [
            p for p in free if tried_twice is (_silent(_entry(books, p), bill.relay) is not None)
        ]
        chance.shuffle(pool)
        left = times
        for place in pool:
            if left and all(abs(place[0] - other) > apart for other in used):
                used.append(place[0])
                _plant(books, false, kind, place)
                left -= 1
    return false


def without_strangers(bill: RelayBill) -> RelayBill:
    """The bill as the relay mends it: what was nobody's is gone."""
    return replace(bill, strange=[])


def _plant(books: Books, bill: RelayBill, kind: str, place: Place) -> None:
    row, entry = bill.rows[place], books.entries[place[0]]
    line, cost = 1_000_000 + len(bill.wanted) + len(bill.strange), row.cost_nano_usd or 0
    if kind == "unbilled":
        del bill.rows[place]
    elif kind == "lost_row":
        # Of nobody: its prompt is like that of no turn.
        strange = replace(row, line=line, request_id="", prompt_tokens=900_000 + line % 1000)
        bill.strange.append(strange)
        return
    elif kind == "double_attempt":
        place = (place[0], _silent(entry, bill.relay) or 0)
        name = _of(books, place).request_id
        bill.rows[place] = replace(row, line=line, request_id=name, completion_tokens=3)
    elif kind == "price_drift":
        bill.rows[place] = replace(row, cost_nano_usd=cost + cost // 20 + 10)
    elif kind == "token_drift":
        more = replace(row, completion_tokens=row.completion_tokens + 7)
        bill.rows[place] = replace(more, cost_nano_usd=cost + 7000)
    elif kind == "cache_drift":
        had = row.cached_tokens or 0
        bill.rows[place] = replace(row, cached_tokens=0 if had else 5, cost_nano_usd=cost + had + 1)
    else:
        bill.rows[place] = replace(row, cost_nano_usd=max(0, cost - 1))
    bill.wanted[place] = kind


def _drift(books: Books, bill: RelayBill, place: Place, chance: random.Random) -> None:
    """What the relay counted where we only estimated: up to 4 % more or less."""
    row, entry, each = bill.rows[place], books.entries[place[0]], _of(books, place)
    tokens_out = max(1, row.completion_tokens * chance.randint(96, 104) // 100)
    if tokens_out == row.completion_tokens:
        return
    cost = up(price_of_try(replace(each, tokens_out=tokens_out), entry.price))
    bill.rows[place] = replace(row, completion_tokens=tokens_out, cost_nano_usd=cost)
    bill.wanted[place] = "token_drift"


def _row(line: int, entry: Entry, each: Try, at: datetime, cost: int) -> Billed:
    return Billed(
        line,
        entry.turn.model,
        at,
        each.tokens_in,
        each.tokens_out,
        each.cached or 0,
        cost,
        each.request_id,
    )


def _entry(books: Books, place: Place) -> Entry:
    return books.entries[place[0]]


def _of(books: Books, place: Place) -> Try:
    return books.entries[place[0]].turn.tries[place[1]]


def _silent(entry: Entry, relay: str) -> int | None:
    tries = enumerate(entry.turn.tries)
    return next((n for n, each in tries if each.relay == relay and not each.billed), None)
