"""Any order of grants, holds, settlements, new prices, limits and periods keeps the books."""

from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.models import Team, User
from billing.budgets import budget_of, grant_credit
from billing.errors import BudgetExhausted, LimitExists
from billing.limit_setting import NewLimit, change_limit, end_limit, set_limit
from billing.markups import set_markup
from billing.models import Budget, Limit, LimitScope, Period, Settlement, Transfer
from billing.prices import NewPrice, set_price
from billing.settlement import Quality
from billing.verification import verify
from tests.billing.conftest import MODEL, hold_for, settle_as
from tests.billing.limiting import a_period_passes

TOKENS = st.integers(0, 3000)
AMOUNTS = st.integers(0, 60_000_000)


class Slot(NamedTuple):
    """Where a limit may stand: `team` and `conversation` number those of the machine."""

    scope: LimitScope
    period: Period
    team: int | None = None
    conversation: int | None = None

    def binds(self, team: int, conversation: int) -> bool:
        """Whether a turn there is bound by it."""
        return self.team in (None, team) and self.conversation in (None, conversation)


SLOTS = st.sampled_from(
    [
        Slot(LimitScope.INSTALLATION, Period.NONE),
        Slot(LimitScope.INSTALLATION, Period.MONTH),
        Slot(LimitScope.TEAM, Period.DAY, 0),
        Slot(LimitScope.PERSON, Period.WEEK, 0),
        Slot(LimitScope.PERSON, Period.NONE, 1),
        Slot(LimitScope.CONVERSATION, Period.DAY, 0, 0),
        Slot(LimitScope.CONVERSATION, Period.NONE, 1, 1),
    ]
)


@dataclass
class Bound:
    """What a limit's current period must say, counted by hand."""

    limit_id: int
    granted_nano_usd: int
    is_hard: bool
    posted_nano_usd: int = 0
    held_nano_usd: int = 0

    @classmethod
    def of(cls, row: Budget) -> Self:
        """The same of a row."""
        return cls(**{each.name: getattr(row, each.name) for each in fields(cls)})

    @property
    def left_nano_usd(self) -> int:
        """What a hold must fit."""
        return self.granted_nano_usd - self.posted_nano_usd - self.held_nano_usd

    @property
    def is_opened(self) -> bool:
        """Whether anything was taken from it, so that it has a row."""
        return bool(self.posted_nano_usd or self.held_nano_usd)


class Money(RuleBasedStateMachine):
    """Two teams and one person, against sums kept by hand."""

    held: Bundle[str] = Bundle("held")
    settled: Bundle[str] = Bundle("settled")

    @initialize()
    def open(self) -> None:
        self.person = User.objects.create_user(username=f"alice{User.objects.count()}")
        self.teams = [Team.objects.create(name=name) for name in ("Tram", "Other")]
        self.granted = {team.pk: 0 for team in self.teams}
        self.spent = {team.pk: 0 for team in self.teams}
        self.prices: dict[str, int] = {}
        self.owner: dict[str, Team] = {}
        self.taken: dict[str, list[Bound]] = {}
        self.bounds: dict[Slot, Bound] = {}
        for limit in Limit.objects.filter(ended_at=None):
            end_limit(limit.pk)
        self.edit_price(8_000_000_000, 0)

    @rule(which=st.integers(0, 1), amount=st.integers(-5_000_000, 50_000_000))
    def grant(self, which: int, amount: int) -> None:
        team = self.teams[which]
        if amount:
            grant_credit(team_id=team.pk, amount_nano_usd=amount)
            self.granted[team.pk] += amount

    @rule(price=st.integers(0, 20_000_000_000), markup=st.integers(-10_000, 20_000))
    def edit_price(self, price: int, markup: int) -> None:
        self.price = price * (10_000 + markup)
        set_price(MODEL, NewPrice(price, price))
        set_markup(markup)

    def new_limit(self, slot: Slot, amount: int, is_hard: bool) -> NewLimit:
        return NewLimit(
            scope=slot.scope,
            amount_nano_usd=amount,
            team_id=None if slot.team is None else self.teams[slot.team].pk,
            person_id=self.person.pk if slot.scope == LimitScope.PERSON else None,
            conversation_id=None if slot.conversation is None else UUID(int=slot.conversation),
            period=slot.period,
            is_hard=is_hard,
        )

    @rule(slot=SLOTS, amount=AMOUNTS, is_hard=st.booleans())
    def set_limit(self, slot: Slot, amount: int, is_hard: bool) -> None:
        if slot in self.bounds:
            with pytest.raises(LimitExists):
                set_limit(self.new_limit(slot, amount, is_hard))
            return
        limit = set_limit(self.new_limit(slot, amount, is_hard))
        self.bounds[slot] = Bound(limit.pk, amount, is_hard)

    @precondition(lambda self: self.bounds)
    @rule(data=st.data(), amount=AMOUNTS, is_hard=st.booleans())
    def change_limit(self, data: st.DataObject, amount: int, is_hard: bool) -> None:
        bound = self.bounds[data.draw(st.sampled_from(list(self.bounds)))]
        change_limit(bound.limit_id, amount_nano_usd=amount, is_hard=is_hard)
        bound.granted_nano_usd, bound.is_hard = amount, is_hard

    @precondition(lambda self: self.bounds)
    @rule(data=st.data())
    def end_limit(self, data: st.DataObject) -> None:
        end_limit(self.bounds.pop(data.draw(st.sampled_from(list(self.bounds)))).limit_id)

    @rule()
    def begin_new_periods(self) -> None:
        a_period_passes()
        for slot, bound in self.bounds.items():
            if slot.period != Period.NONE:
                # Turns that run settle in the one they were held in.
                fresh = Bound(bound.limit_id, bound.granted_nano_usd, bound.is_hard)
                self.bounds[slot] = fresh

    @rule(
        target=held,
        which=st.integers(0, 1),
        conversation=st.integers(0, 1),
        prompt=TOKENS,
        answer=st.integers(1, 3000),
    )
    def hold(self, which: int, conversation: int, prompt: int, answer: int) -> Any:
        team, subject = self.teams[which], f"turn:{self.person.pk}:{len(self.owner)}"
        bounds = [b for slot, b in self.bounds.items() if slot.binds(which, conversation)]
        credit = budget_of(team.pk).remaining_nano_usd
        left = min([credit, *(bound.left_nano_usd for bound in bounds if bound.is_hard)])
        least = -(-(prompt + min(answer, 256)) * self.price // 10**10)
        turn: dict[str, Any] = {"prompt_bytes": prompt, "max_tokens": answer}
        turn["conversation_id"] = UUID(int=conversation)
        if left < least:
            with pytest.raises(BudgetExhausted) as refusal:
                hold_for(team, self.person, subject, **turn)
            assert refusal.value.needed_nano_usd == least
            assert refusal.value.remaining_nano_usd == left
            return multiple()
        placed = hold_for(team, self.person, subject, **turn)
        # So posted and held are within what every hard budget grants now.
        assert least <= placed.amount_nano_usd <= max(left, 0)
        self.owner[subject], self.prices[subject] = team, self.price
        self.taken[subject] = bounds
        for bound in bounds:
            bound.held_nano_usd += placed.amount_nano_usd
        return subject

    @rule(
        target=settled,
        subject=consumes(held),
        tokens_in=TOKENS,
        tokens_out=TOKENS,
        quality=st.sampled_from([Quality.REPORTED, Quality.ESTIMATED]),
    )
    def settle(self, subject: str, tokens_in: int, tokens_out: int, quality: Quality) -> str:
        result = settle_as(subject, tokens_in, tokens_out, quality=quality)
        exact = -(-(tokens_in + tokens_out) * self.prices[subject] // 10**10)
        hold = Transfer.objects.get(subject=subject, kind="hold").amount_nano_usd
        told = min(exact, hold) if quality == Quality.ESTIMATED else exact
        assert result.cost_nano_usd == told
        self.spent[self.owner[subject].pk] += told
        for bound in self.taken[subject]:
            bound.held_nano_usd -= hold
            bound.posted_nano_usd += told
        return subject

    @rule(subject=settled, tokens=TOKENS)
    def settle_again(self, subject: str, tokens: int) -> None:
        before = Settlement.objects.get(subject=subject)
        assert settle_as(subject, tokens, tokens).cost_nano_usd == before.cost_nano_usd

    @invariant()
    def sums_agree(self) -> None:
        for team in getattr(self, "teams", ()):
            view = budget_of(team.pk)
            assert view.granted_nano_usd == self.granted[team.pk]
            assert view.spent_nano_usd == self.spent[team.pk]
            assert view.held_nano_usd >= 0

    @invariant()
    def limits_agree(self) -> None:
        rows = Budget.objects.filter(limit__ended_at=None).order_by("period_start")
        newest = {row.limit_id: row for row in rows}
        for bound in getattr(self, "bounds", {}).values():
            if bound.is_opened:
                assert Bound.of(newest[bound.limit_id]) == bound

    def teardown(self) -> None:
        assert {difference.code for difference in verify().differences} <= {"guard_missing"}


@pytest.mark.django_db
def test_the_books_balance_whatever_happens() -> None:
    run_state_machine_as_test(
        Money,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
