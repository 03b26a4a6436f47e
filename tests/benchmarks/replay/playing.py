"""Playing the plan through billing's own functions, each answer held against the reckoning."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from accounts.models import Team, User
from billing.budgets import grant_credit
from billing.errors import BudgetExhausted
from billing.holds import HoldPlaced, place_hold
from billing.limit_setting import NewLimit, change_limit, end_limit, set_limit
from billing.markups import set_markup
from billing.models import LimitScope, Period, Quality
from billing.prices import NewPrice, set_price
from billing.reconciliation_ours import AttemptFacts
from billing.settlement import Settled, settle
from tests.benchmarks.replay.books import Books, Bound, Entry
from tests.benchmarks.replay.clock import DatabaseClock
from tests.benchmarks.replay.plan import PEOPLE, SINCE, TEAMS, UNTIL, Event, Turn

CONVERSATIONS = UUID(int=7)
ONCE_MORE = 50
"""Every so many holds and settlements are asked for twice."""


class Player:
    """Plays events; `mismatches` are the answers that differ from the reckoning."""

    def __init__(self, clock: DatabaseClock, books: Books) -> None:
        self._clock, self._books = clock, books
        self.teams = [Team.objects.create(name=f"Replay {each}") for each in range(TEAMS)]
        self.people = [User.objects.create_user(f"replay-{each}") for each in range(PEOPLE)]
        self.counts: Counter[str] = Counter()
        self.mismatches: list[str] = []
        self._limits: dict[int, int] = {}
        self._acts: dict[str, Callable[[datetime, Any], None]] = {
            "price": self._price,
            "markup": self._markup,
            "grant": self._grant,
            "limit": self._limit,
            "change": self._change,
            "end": self._end,
            "hold": self._hold,
            "settle": self._settle,
        }

    def play(self, events: Iterable[Event]) -> None:
        """Play them in order."""
        for event in events:
            self._clock.set(event.moment)
            self._acts[event.kind](event.moment, event.about)

    def place_of(self, limit_id: int | None) -> int:
        """Which of the plan's limits it is."""
        return next(index for index, known in self._limits.items() if known == limit_id)

    def attempts(self, relay: str) -> list[AttemptFacts]:
        """Every try of the settled turns that had one at this relay, as their keeper offers it."""
        return [
            _facts(entry.turn, number)
            for entry in self._books.entries.values()
            if entry.settled and any(each.relay == relay for each in entry.turn.tries)
            for number in range(len(entry.turn.tries))
        ]

    def _price(self, moment: datetime, about: Any) -> None:
        model, figures = about
        into, out, cached, reasoning, image, official_in, official_out = figures
        price = NewPrice(into, out, cached, official_in, official_out, reasoning, image)
        set_price(model, price, starts_at=moment)
        self._books.prices[model] = figures

    def _markup(self, moment: datetime, about: Any) -> None:
        team, points = about
        set_markup(points, None if team is None else self.teams[team].pk, starts_at=moment)
        self._books.markups[team] = points

    def _grant(self, moment: datetime, about: Any) -> None:
        team, amount = about
        grant_credit(team_id=self.teams[team].pk, amount_nano_usd=amount)
        self._books.grant(moment, team, amount)

    def _limit(self, _moment: datetime, about: Any) -> None:
        index, (scope, team, person, conversation, period, zone, amount, hard) = about
        limit = set_limit(
            NewLimit(
                scope=LimitScope(scope),
                amount_nano_usd=amount,
                team_id=None if team is None else self.teams[team].pk,
                person_id=None if person is None else self.people[person].pk,
                conversation_id=None if conversation is None else _talk(team, conversation),
                period=Period(period),
                zone=zone,
                is_hard=hard,
            )
        )
        self._limits[index] = limit.pk
        bound = Bound(scope, team, person, conversation, period, zone, amount, hard)
        self._books.bounds.append(bound)

    def _change(self, moment: datetime, about: Any) -> None:
        index, amount = about
        change_limit(self._limits[index], amount_nano_usd=amount)
        self._books.change(moment, index, amount)

    def _end(self, _moment: datetime, index: int) -> None:
        end_limit(self._limits[index])
        self._books.bounds[index].ended = True

    def _hold(self, moment: datetime, turn: Turn) -> None:
        entry = self._books.hold(turn, moment)
        try:
            placed = self._placed(turn)
        except BudgetExhausted:
            self.counts["refused"] += 1
            self._expect(turn, "refused", entry is None, True)
            return
        self._expect(turn, "refused", entry is None, False)
        if entry is None:
            return
        shortened = placed.max_tokens < turn.max_tokens
        self.counts["held, with a shorter answer" if shortened else "held"] += 1
        if turn.number % ONCE_MORE == 0:
            self._expect(turn, "a second hold", self._placed(turn), placed)
        made = (entry.amount, entry.max_tokens)
        self._expect(turn, "hold", made, (placed.amount_nano_usd, placed.max_tokens))
        if SINCE <= moment < UNTIL:
            _within(turn, placed.max_tokens)

    def _placed(self, turn: Turn) -> HoldPlaced:
        return place_hold(
            team_id=self.teams[turn.team].pk,
            person_id=self.people[turn.person].pk,
            subject=turn.subject,
            model=turn.model,
            prompt_bytes=turn.bytes_in,
            max_tokens=turn.max_tokens,
            max_images=turn.max_images,
            conversation_id=_talk(turn.team, turn.conversation),
        )

    def _settle(self, moment: datetime, turn: Turn) -> None:
        entry = self._books.entries.get(turn.number)
        if entry is None:
            return
        self._books.settle(entry, moment)
        settled = self._settled(turn)
        self.counts[turn.outcome] += 1
        self.counts["estimated" if turn.estimated else "reported"] += 1
        self.counts["overrun"] += settled.overrun
        if turn.number % ONCE_MORE == 0:
            self._expect(turn, "a second settlement", self._settled(turn, more=1), settled)
        self._expect(turn, "settlement", _figures(entry), _told(settled))

    def _settled(self, turn: Turn, more: int = 0) -> Settled:
        return settle(
            subject=turn.subject,
            prompt_tokens=(turn.total("tokens_in") or 0) + more,
            completion_tokens=turn.total("tokens_out") or 0,
            cached_tokens=turn.total("cached"),
            reasoning_tokens=turn.total("reasoning"),
            images=turn.total("images") or 0,
            quality=Quality.ESTIMATED if turn.estimated else Quality.REPORTED,
            outcome=turn.outcome,
        )

    def _expect(self, turn: Turn, what: str, should: object, found: object) -> None:
        if should != found:
            self.mismatches.append(f"{turn.subject}: {what} is {found}, should be {should}")


def _within(turn: Turn, max_tokens: int) -> None:
    """An answer that we count was heard, and so is no longer than was asked for."""
    billed = [each for each in turn.tries if each.billed]
    if turn.estimated and sum(each.tokens_out for each in billed) > max_tokens:
        for each in billed:
            each.tokens_out = max_tokens // len(billed)
            each.reasoning = None


def _figures(entry: Entry) -> tuple[int | None, ...]:
    return (entry.cost, entry.relay_cost, entry.official, entry.cost > entry.amount)


def _told(settled: Settled) -> tuple[int | None, ...]:
    costs = (settled.cost_nano_usd, settled.relay_cost_nano_usd)
    return (*costs, settled.official_cost_nano_usd, settled.overrun)


def _facts(turn: Turn, number: int) -> AttemptFacts:
    each = turn.tries[number]
    return AttemptFacts(
        subject=turn.subject,
        attempt=number,
        relay=each.relay,
        model=turn.model,
        began_at=each.began,
        ended_at=each.ended,
        prompt_tokens=each.tokens_in,
        completion_tokens=each.tokens_out,
        cached_tokens=each.cached,
        reasoning_tokens=each.reasoning,
        images=each.images,
        billed=each.billed,
        request_id=each.request_id,
    )


def _talk(team: int, conversation: int) -> UUID:
    return uuid5(CONVERSATIONS, f"{team}:{conversation}")
