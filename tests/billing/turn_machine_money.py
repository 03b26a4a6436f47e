"""The other half of the machine: what administrators, payers and relays' bills do meanwhile."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from accounts.services.audit import Actor
from billing.codes import make_codes, redeem
from billing.errors import CodeUsed, LimitExists
from billing.limit_setting import NewLimit, change_limit, end_limit, set_limit
from billing.markups import set_markup
from billing.models import Limit, LimitScope, Period, Settlement, Transfer
from billing.money import nano_to_usd
from billing.prices import NewPrice, set_price
from billing.reconciliation_bills import Bill
from billing.reconciliation_matching import Billed
from billing.reconciliation_runs import Asked as Reconciling
from billing.topups import Currency, top_up
from chat.models import Attempt
from chat.services.reconciling import reconcile_relay
from tests.billing.limiting import a_period_passes
from tests.billing.turn_books import WHOLE
from tests.billing.turn_machine import TurnMoney
from tests.chat.admitting import MODEL

SCOPES = st.sampled_from(list(LimitScope))
PERIODS = st.sampled_from(list(Period))
AMOUNTS = st.integers(0, 60_000_000)
CREDIT = st.integers(1, 50_000_000)
PRICES = st.integers(0, 20_000_000_000)
DRIFTS_PERCENT = st.integers(0, 250)


class Money(TurnMoney):
    """The turns, and all money around them."""

    def begin(self) -> None:
        self.edit_price(8_000_000_000, 8_000_000_000, 2_000_000_000)
        self.pay(1_000_000_000, Currency.USD)
        super().begin()
        # What the first turns need is more than stories should have.
        self.pay(-(budget_left(self) - 30_000_000), None)

    def pay(self, amount: int, currency: Currency | None) -> None:
        """Credit, or less of it where no currency is named."""
        if currency is None:
            from billing.budgets import grant_credit

            grant_credit(team_id=self.team.pk, amount_nano_usd=amount)
        else:
            top_up(team_id=self.team.pk, amount=str(nano_to_usd(amount)), currency=currency)
        self.granted += amount

    @rule(amount=CREDIT, currency=st.sampled_from(list(Currency)), times=st.integers(1, 2))
    def top_up(self, amount: int, currency: Currency, times: int) -> None:
        """A payment is credited once, however often it is told."""
        paid, key = str(nano_to_usd(amount)), str(uuid4())
        for _ in range(times):
            top_up(team_id=self.team.pk, amount=paid, currency=currency, idempotency_key=key)
        self.granted += amount

    @rule(amount=CREDIT)
    def redeem(self, amount: int) -> None:
        """A code is worth its amount, once."""
        code = make_codes(count=1, amount_nano_usd=amount).texts[0]
        alice = Actor(self.people[0].user_id, "alice")
        redeem(code, team_id=self.team.pk, actor=alice)
        with pytest.raises(CodeUsed):
            redeem(code, team_id=self.team.pk, actor=alice)
        self.granted += amount

    @rule(price_in=PRICES, price_out=PRICES, cached=st.none() | PRICES)
    def edit_price(self, price_in: int, price_out: int, cached: int | None) -> None:
        set_price(MODEL, NewPrice(price_in, price_out, cached))

    @rule(markup=st.integers(-10_000, 20_000), own=st.booleans())
    def edit_markup(self, markup: int, own: bool) -> None:
        set_markup(markup, self.team.pk if own else None)

    @rule(
        scope=SCOPES, period=PERIODS, amount=AMOUNTS, is_hard=st.booleans(), who=st.integers(0, 1)
    )
    def set_limit(
        self, scope: LimitScope, period: Period, amount: int, is_hard: bool, who: int
    ) -> None:
        new = NewLimit(
            scope=scope,
            amount_nano_usd=amount,
            team_id=None if scope == LimitScope.INSTALLATION else self.team.pk,
            person_id=self.people[who].user_id if scope == LimitScope.PERSON else None,
            conversation_id=self.places[who][0] if scope == LimitScope.CONVERSATION else None,
            period=period,
            is_hard=is_hard,
        )
        if Limit.objects.filter(key=new.key, ended_at=None).exists():
            with pytest.raises(LimitExists):
                set_limit(new)
            return
        limit = set_limit(new)
        if not is_hard:
            self.unbound.add(limit.pk)

    @precondition(lambda self: Limit.objects.filter(ended_at=None).exists())
    @rule(data=st.data(), amount=AMOUNTS, is_hard=st.booleans())
    def change_limit(self, data: st.DataObject, amount: int, is_hard: bool) -> None:
        limit = data.draw(st.sampled_from(list(limits_in_force())))
        if amount < limit.amount_nano_usd or not is_hard:
            self.unbound.add(limit.pk)
        change_limit(limit.pk, amount_nano_usd=amount, is_hard=is_hard)

    @precondition(lambda self: Limit.objects.filter(ended_at=None).exists())
    @rule(data=st.data())
    def end_limit(self, data: st.DataObject) -> None:
        end_limit(data.draw(st.sampled_from(list(limits_in_force()))).pk)

    @rule()
    def begin_new_periods(self) -> None:
        """Turns that run settle in the one they were held in."""
        a_period_passes()

    @rule(drifts=st.lists(DRIFTS_PERCENT, min_size=1, max_size=5), tokens=st.integers(0, 3))
    def reconcile(self, drifts: list[int], tokens: int) -> None:
        """With a bill that asks for more and less than we thought; and with the same bill again."""
        rows = [
            self._billed(number, attempt, drifts[number % len(drifts)], tokens)
            for number, attempt in enumerate(Attempt.objects.filter(relay="relay").order_by("id"))
            if attempt.quality
        ]
        for _ in range(2):
            now = timezone.now()
            reconcile_relay(
                Reconciling(
                    relay="relay",
                    since=now - timedelta(days=1),
                    until=now,
                    bill=Bill(tuple(rows), ""),
                    dry_run=False,
                    complete=True,
                )
            )
            self._cost_what_is_billed(rows)
        corrections = Transfer.objects.filter(kind="correction").count()
        self._cost_what_is_billed(rows)
        assert Transfer.objects.filter(kind="correction").count() == corrections

    def _billed(self, number: int, attempt: Attempt, percent: int, tokens: int) -> Billed:
        settled = Settlement.objects.get(subject=attempt.turn.subject)
        cost = settled.relay_cost_nano_usd + settled.relay_corrected_nano_usd
        return Billed(
            line=number + 2,
            model=attempt.model,
            at=attempt.turn.created_at,
            prompt_tokens=attempt.prompt_tokens,
            # Other tokens than any earlier bill had, so that a difference of 1 is no rounding.
            completion_tokens=attempt.completion_tokens + tokens,
            cost_nano_usd=cost * percent // 100 if cost * abs(percent - 100) > 200 else cost,
            request_id=attempt.response_id.removeprefix("chatcmpl-"),
        )

    def _cost_what_is_billed(self, rows: list[Billed]) -> None:
        """Each turn costs what its row asks, with the markup that its hold pinned."""
        for row in rows:
            attempt = Attempt.objects.get(response_id=f"chatcmpl-{row.request_id}")
            settled = Settlement.objects.select_related("hold").get(subject=attempt.turn.subject)
            assert row.cost_nano_usd is not None
            factor = WHOLE + settled.hold.markup_basis_points
            cost = -(-row.cost_nano_usd * factor // WHOLE)
            assert settled.cost_nano_usd + settled.corrected_nano_usd == cost
            self.costs[settled.subject] = cost


def limits_in_force() -> list[Limit]:
    """In one order, or a story could not be told again."""
    return list(Limit.objects.filter(ended_at=None).order_by("pk"))


def budget_left(story: Money) -> int:
    """What the team's credit has left, in nano-USD."""
    from billing.budgets import budget_of

    return budget_of(story.team.pk).remaining_nano_usd
