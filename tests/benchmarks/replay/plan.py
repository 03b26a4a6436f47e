"""What is played: turns of some weeks, and what changes meanwhile. Made up, the same every time."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

FIRST = datetime(2025, 9, 28, tzinfo=UTC)
DAYS = 38
SINCE, UNTIL = datetime(2025, 10, 1, tzinfo=UTC), datetime(2025, 11, 1, tzinfo=UTC)
"""The month that the relays bill."""
TEAMS, PEOPLE = 4, 8
RELAYS = ("holysheep", "other")
TURN_NANO_USD = 12_000_000
"""About what a turn costs; limits and grants are made from it, so that some bind."""
# In and out, cached, reasoning, an image; then the maker's: nano-USD per million, or each.
PRICES: dict[str, tuple[int | None, ...]] = {
    "gpt-4.1": (8_000_000_000, 8_000_000_000, 2_000_000_000, None, None, 60 * 10**9, 60 * 10**9),
    "deepseek-v3": (420_000_000, 420_000_000, 42_000_000, None, None, None, None),
    "qwen-max": (1_333_333_333, 4_000_000_001, None, 5_000_000_007, None, 2 * 10**9, 7 * 10**9),
    "painter": (1_000_000_000, 3_000_000_000, None, None, 40_000_001, None, None),
}
MARKUPS = (0, 1250, -333, 2500, 1)


@dataclass
class Try:
    """One attempt at a relay, as we count it. `billed`: it costs something."""

    relay: str
    began: datetime
    ended: datetime
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int | None = None
    reasoning: int | None = None
    images: int = 0
    billed: bool = True
    estimated: bool = False
    request_id: str = ""


@dataclass
class Turn:
    """A turn to be held for at `began` and settled at `ended`, if ever."""

    number: int
    team: int
    person: int
    conversation: int
    model: str
    bytes_in: int
    max_tokens: int
    max_images: int
    began: datetime
    ended: datetime
    outcome: str
    tries: list[Try] = field(default_factory=list)

    @property
    def subject(self) -> str:
        """Its name in the ledger."""
        return f"turn:{self.number:07}"

    @property
    def estimated(self) -> bool:
        """Whether any part of what it costs was counted by ourselves."""
        return any(each.estimated for each in self.tries if each.billed)

    def total(self, name: str) -> int | None:
        """The sum over what its tries used; None where none of them told it."""
        told = [getattr(each, name) for each in self.tries if each.billed]
        known = [value for value in told if value is not None]
        return sum(known) if known else None


@dataclass(frozen=True)
class Event:
    """Something that happens at a moment: its kind and what it is about."""

    moment: datetime
    kind: str
    about: Any


def plan(turns: int, seed: int) -> list[Event]:
    """Everything that happens, in order."""
    chance = random.Random(seed)
    events = list(_around(turns, chance))
    step = timedelta(days=DAYS) / turns
    for number in range(turns):
        turn = _turn(chance, number, _whole(FIRST + number * step))
        events.append(Event(turn.began, "hold", turn))
        if number % max(100, turns // 20) != 7:
            events.append(Event(turn.ended, "settle", turn))
    return sorted(events, key=lambda event: event.moment)


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _around(turns: int, chance: random.Random) -> list[Event]:
    """Prices, markups, credit and limits, and how they change."""
    start, day = FIRST - timedelta(days=1), timedelta(days=1)
    a_day = turns * TURN_NANO_USD // DAYS
    events = [Event(start, "price", (model, figures)) for model, figures in PRICES.items()]
    for week in range(1, 6):
        for model, figures in PRICES.items():
            factor = chance.randint(90, 115)
            changed = tuple(None if each is None else each * factor // 100 for each in figures)
            moment = start + week * 7 * day + timedelta(hours=chance.randint(2, 20))
            events.append(Event(moment, "price", (model, changed)))
    for number, points in enumerate(MARKUPS):
        team = None if number == 0 else chance.randrange(TEAMS)
        events.append(Event(start + number * 7 * day, "markup", (team, points)))
    events += [Event(start, "grant", (team, 40 * a_day)) for team in range(TEAMS - 1)]
    events.append(Event(start + 20 * day, "grant", (0, -a_day)))
    # One team lives from hand to mouth.
    for number in range(DAYS):
        events.append(Event(start + number * day, "grant", (TEAMS - 1, a_day // TEAMS // 2)))
    for index, limit in enumerate(
        (
            ("installation", None, None, None, "month", "", 40 * a_day, True),
            ("team", 1, None, None, "week", "Asia/Ho_Chi_Minh", a_day, False),
            ("team", 2, None, None, "month", "Asia/Shanghai", 6 * a_day, True),
            ("person", 0, 0, None, "day", "Europe/Berlin", a_day // 50, True),
            ("conversation", 1, None, 0, "none", "", a_day // 4, True),
        )
    ):
        events.append(Event(start + timedelta(hours=1), "limit", (index, limit)))
    events.append(Event(start + 10 * day, "change", (2, 9 * a_day)))
    events.append(Event(start + 15 * day, "change", (3, a_day // 80)))
    events.append(Event(start + 25 * day, "end", 4))
    return events


def _turn(chance: random.Random, number: int, began: datetime) -> Turn:
    team = chance.randrange(TEAMS)
    model = chance.choice(sorted(PRICES))
    ended = _whole(began + timedelta(seconds=chance.uniform(0.5, 90)))
    way = chance.random()
    outcome, estimated = "completed", chance.random() < 0.03
    if way < 0.10:
        outcome, estimated = "interrupted", True
    elif way < 0.14:
        outcome, estimated = chance.choice(["failed:relay_error", "orphaned"]), True
    elif way < 0.15:
        outcome = "budget_stopped"
    turn = Turn(
        number=number,
        team=team,
        # A person is in two teams.
        person=(team * 2 + chance.randrange(4)) % PEOPLE,
        conversation=chance.randrange(3),
        model=model,
        bytes_in=0,
        max_tokens=chance.choice([512, 1024, 2048]),
        max_images=2 if model == "painter" else 0,
        began=began,
        ended=ended,
        outcome=outcome,
    )
    if outcome == "failed:relay_error" and chance.random() < 0.5:
        turn.tries = [_silent(chance, turn, chance.choice(RELAYS))]
    else:
        turn.tries = _tries(chance, turn, estimated)
    tokens_in = sum(each.tokens_in for each in turn.tries)
    turn.bytes_in = tokens_in * 3 + chance.randint(10, 400)
    return turn


def _tries(chance: random.Random, turn: Turn, estimated: bool) -> list[Try]:
    relay = RELAYS[chance.random() < 0.4]
    way = chance.random()
    if way < 0.08:
        return [_silent(chance, turn, relay), _try(chance, turn, relay, estimated, 1)]
    if way < 0.12:
        return [_try(chance, turn, relay, True, 0), _try(chance, turn, relay, estimated, 1)]
    if way < 0.16:
        return [_try(chance, turn, RELAYS[n], estimated, n) for n in (0, 1)]
    return [_try(chance, turn, relay, estimated, 0)]


def _try(chance: random.Random, turn: Turn, relay: str, estimated: bool, index: int) -> Try:
    tokens_in = chance.randint(30, 1500)
    tokens_out = chance.randint(40, 500)
    if not estimated and chance.random() < 0.003:
        # A relay that heeds no limit.
        tokens_out = 5 * turn.max_tokens
    tells = not estimated
    return Try(
        relay,
        turn.began,
        turn.ended,
        tokens_in,
        tokens_out,
        chance.choice([None, 0, tokens_in // 3]) if tells else None,
        tokens_out // 4 if tells and turn.model == "qwen-max" and chance.random() < 0.5 else None,
        chance.randint(0, 2) if tells and turn.max_images else 0,
        estimated=estimated,
        # One relay's bill names its answers, the other's does not.
        request_id=f"{turn.number}-{index}" if relay == RELAYS[0] else "",
    )


def _silent(chance: random.Random, turn: Turn, relay: str) -> Try:
    """A try that was sent and of which nothing came."""
    request_id = f"{turn.number}-x" if relay == RELAYS[0] and chance.random() < 0.5 else ""
    return Try(relay, turn.began, turn.ended, billed=False, request_id=request_id)
