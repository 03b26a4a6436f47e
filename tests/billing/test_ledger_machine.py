"""Any order of grants, holds, settlements, price changes and lowered limits keeps the books."""

from typing import Any

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
    rule,
    run_state_machine_as_test,
)

from accounts.models import Team, User
from billing.budgets import budget_of, grant_credit
from billing.errors import BudgetExhausted
from billing.models import Settlement, Transfer
from billing.prices import NewPrice, set_price
from billing.settlement import Quality
from billing.verification import verify
from tests.billing.conftest import MODEL, hold_for, settle_as

TOKENS = st.integers(0, 3000)


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
        self.price = 8_000_000_000
        set_price(MODEL, NewPrice(self.price, self.price))

    @rule(which=st.integers(0, 1), amount=st.integers(-5_000_000, 50_000_000))
    def grant(self, which: int, amount: int) -> None:
        team = self.teams[which]
        if amount:
            grant_credit(team_id=team.pk, amount_nano_usd=amount)
            self.granted[team.pk] += amount

    @rule(price=st.integers(0, 20_000_000_000))
    def edit_price(self, price: int) -> None:
        self.price = price
        set_price(MODEL, NewPrice(price, price))

    @rule(target=held, which=st.integers(0, 1), prompt=TOKENS, answer=st.integers(1, 3000))
    def hold(self, which: int, prompt: int, answer: int) -> Any:
        team, subject = self.teams[which], f"turn:{self.person.pk}:{len(self.owner)}"
        left = budget_of(team.pk).remaining_nano_usd
        least = -(-(prompt + min(answer, 256)) * self.price // 10**6)
        if left < least:
            with pytest.raises(BudgetExhausted) as refusal:
                hold_for(team, self.person, subject, prompt_bytes=prompt, max_tokens=answer)
            assert refusal.value.needed_nano_usd == least
            assert refusal.value.remaining_nano_usd == left
            return multiple()
        placed = hold_for(team, self.person, subject, prompt_bytes=prompt, max_tokens=answer)
        assert least <= placed.amount_nano_usd <= max(left, 0)
        self.owner[subject], self.prices[subject] = team, self.price
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
        exact = -(-(tokens_in + tokens_out) * self.prices[subject] // 10**6)
        hold = Transfer.objects.get(subject=subject, kind="hold").amount_nano_usd
        told = min(exact, hold) if quality == Quality.ESTIMATED else exact
        assert result.cost_nano_usd == told
        self.spent[self.owner[subject].pk] += told
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
