"""Any order of sends, text, ends, deaths, bills, top-ups, codes, limits, periods and prices: a
state machine over the product's own services, whose books are looked at after each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from accounts.services.principals import principal_for_user
from billing.budgets import budget_of
from billing.models import Hold, Settlement
from billing.room import room_of
from chat.models import JournalChunk
from chat.services.attempts import ReportedUsage, count_prompt
from chat.services.ending import TurnEnd, end_turn
from chat.services.errors import BudgetTooSmall
from chat.services.intents import Admitted
from chat.services.recovery import recover_turn
from tests.billing.turn_books import look, priced
from tests.chat.admitting import attempt_of, finish, send
from tests.people import cast

STATES = st.sampled_from(["completed", "interrupted", "failed", "budget_stopped"])
ABSENT = st.none()
# More cached than sent, more thought than said, more of all than was held: as relays report.
USAGES = st.builds(
    ReportedUsage,
    prompt_tokens=st.integers(0, 3000),
    completion_tokens=st.integers(0, 6000),
    cached_tokens=ABSENT | st.integers(0, 4000),
    reasoning_tokens=ABSENT | st.integers(0, 7000),
)
NOTHING = ReportedUsage(0, 0)


@dataclass
class Asked:
    """A turn and what came of it so far."""

    turn: Admitted
    text: str = ""
    chunks: int = 0

    @property
    def subject(self) -> str:
        """What the ledger calls it."""
        return f"turn:{self.turn.turn_id}"


class TurnMoney(RuleBasedStateMachine):
    """Alice and Bob of one team; what they pay is kept by hand beside the books."""

    running: Bundle[Asked] = Bundle("running")
    ended: Bundle[Asked] = Bundle("ended")

    def __init__(self) -> None:
        super().__init__()
        # Everything of one story is undone at its end.
        self._story = transaction.atomic()
        self._story.__enter__()

    @initialize()
    def open(self) -> None:
        people = cast()
        self.team = people.team
        self.people = [
            principal_for_user(each, people.team.pk) for each in (people.alice, people.bob)
        ]
        self.granted = 0
        self.costs: dict[str, int] = {}
        self.running_subjects: set[str] = set()
        self.unbound: set[int] = set()
        self.begin()

    def begin(self) -> None:
        """Whatever a story needs before the first step: a conversation of each, at no cost."""
        self.places = []
        for who in self.people:
            turn = send(who)
            self.costs[f"turn:{turn.turn_id}"] = 0
            finish(turn, attempts=(attempt_of(turn, billed=False, generated=""),))
            self.places.append((turn.conversation_id, turn.assistant_message_id))

    @rule(
        target=running,
        who=st.integers(0, 1),
        in_its_place=st.booleans(),
        words=st.integers(1, 300),
        max_tokens=st.integers(1, 3000),
    )
    def send(self, who: int, in_its_place: bool, words: int, max_tokens: int) -> Any:
        """Refused only for what is left nowhere, and then without a trace."""
        place, parent = self.places[who] if in_its_place else (None, None)
        rooms = room_of(self.team.pk, self.people[who].user_id, place)
        left = min(room.left_nano_usd for room in rooms if room.is_hard)
        wish: dict[str, Any] = {
            "conversation_id": place,
            "parent_id": parent,
            "max_tokens": max_tokens,
        }
        try:
            turn = send(self.people[who], content="tram " * words, **wish)
        except BudgetTooSmall as refusal:
            told = refusal.detail or {}
            figures = told["remaining_nano_usd"], told["needed_nano_usd"]
            self.refused_for(left, *figures)
            return multiple()
        assert turn.hold_nano_usd <= max(0, left)
        asked = Asked(turn)
        self.running_subjects.add(asked.subject)
        return asked

    def refused_for(self, left: int, told_left: int, needed: int) -> None:
        """A refusal tells what is left, which is too little."""
        assert told_left == left < needed

    @rule(asked=running, words=st.integers(1, 200))
    def delta(self, asked: Asked, words: int) -> None:
        """Its text grows."""
        asked.chunks += 1
        text = "ding " * words
        JournalChunk.objects.create(
            turn_id=asked.turn.turn_id,
            epoch=asked.turn.epoch,
            seq=asked.chunks,
            offset=len(asked.text),
            content=text,
        )
        asked.text += text

    @rule(target=ended, asked=consumes(running), state=STATES, usage=ABSENT | USAGES)
    def end(self, asked: Asked, state: str, usage: ReportedUsage | None) -> Asked:
        """By itself, stopped, broken off or at the hold; reported or not."""
        self._ends(asked, state=state, usage=usage)
        self._costs(asked, usage)
        return asked

    @rule(target=ended, asked=consumes(running))
    def refused_by_the_relay(self, asked: Asked) -> Asked:
        """Before it worked: it costs nothing."""
        self._ends(asked, state="failed", billed=False)
        self._costs(asked, NOTHING)
        return asked

    @rule(target=ended, asked=consumes(running), late=ABSENT | USAGES)
    def crash(self, asked: Asked, late: ReportedUsage | None) -> Asked:
        """Its process dies and another one settles what is journaled; then the dead one wakes."""
        recovered = recover_turn(asked.turn.turn_id)
        assert recovered is not None
        assert (recovered.state, recovered.content) == ("orphaned", asked.text)
        self._costs(asked, None)
        assert recover_turn(asked.turn.turn_id) is None
        assert not self._ends(asked, state="completed", usage=late)
        return asked

    @rule(asked=ended, state=STATES, usage=ABSENT | USAGES)
    def end_again(self, asked: Asked, state: str, usage: ReportedUsage | None) -> None:
        before = Settlement.objects.values().get(subject=asked.subject)
        assert not self._ends(asked, state=state, usage=usage)
        assert Settlement.objects.values().get(subject=asked.subject) == before

    def _ends(self, asked: Asked, *, state: str, **attempt: Any) -> bool:
        """Whether it ended by this."""
        id = f"chatcmpl-{uuid4()}"
        one = attempt_of(asked.turn, asked.text, response_id=id, outcome="completed", **attempt)
        ended = end_turn(
            TurnEnd(
                turn_id=asked.turn.turn_id,
                epoch=asked.turn.epoch,
                model=asked.turn.model,
                state=state,
                content=asked.text,
                reasoning="",
                attempts=(one,),
            )
        )
        assert ended is not None
        return ended.by_this_call

    def _costs(self, asked: Asked, usage: ReportedUsage | None) -> None:
        """What the turn must have cost, reckoned by hand."""
        from billing.tokens import count_tokens

        self.running_subjects.remove(asked.subject)
        hold = Hold.objects.select_related("price_version").get(subject=asked.subject)
        counted = usage
        if counted is None:
            prompt = count_prompt(asked.turn.prompt, asked.turn.model)
            counted = ReportedUsage(prompt, count_tokens(asked.text, asked.turn.model))
        cost = priced(counted, hold.price_version, asked.turn.markup_basis_points)
        if usage is None:
            cost = min(cost, hold.amount_nano_usd)
        assert Settlement.objects.get(subject=asked.subject).cost_nano_usd == cost
        self.costs[asked.subject] = cost

    @invariant()
    def the_books_are_right(self) -> None:
        if not hasattr(self, "places"):
            return
        view = budget_of(self.team.pk)
        assert view.granted_nano_usd == self.granted
        assert view.spent_nano_usd == sum(self.costs.values())
        look(self.running_subjects, self.unbound)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._story.__exit__(None, None, None)
