"""Turns, the tries that a keeper would offer of them, and bills to reconcile them with."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Team, User
from billing.fold import Difference
from billing.reconciliation_bills import Bill
from billing.reconciliation_matching import Billed
from billing.reconciliation_ours import AttemptFacts, ours_at
from billing.reconciliation_runs import Asked, Outcome, reconcile
from billing.verification import verify
from tests.billing.conftest import MODEL, hold_for, settle_as

AT = timezone.now() - timedelta(hours=2)


def paid(team: Team, person: User, subject: str, tokens: tuple[int, int], **facts: Any) -> None:
    """A turn that was held for and settled."""
    hold_for(team, person, subject)
    settle_as(subject, *tokens, **facts)


def tried(subject: str, tokens: tuple[int, int], attempt: int = 1, **facts: Any) -> AttemptFacts:
    values: dict[str, Any] = {"relay": "demo", "cached_tokens": None, "billed": True}
    return AttemptFacts(
        subject=subject,
        attempt=attempt,
        model=MODEL,
        began_at=AT,
        ended_at=AT + timedelta(seconds=5),
        prompt_tokens=tokens[0],
        completion_tokens=tokens[1],
        **(values | facts),
    )


def row(line: int, tokens: tuple[int, int], nano_usd: int, at: datetime = AT) -> Billed:
    return Billed(line, MODEL, at, *tokens, None, nano_usd)


def wrong() -> list[Difference]:
    """What contradicts the books; the test database has no guards against deletion."""
    return [each for each in verify().differences if each.code != "guard_missing"]


def run(rows: list[Billed], attempts: list[AttemptFacts], **how: Any) -> Outcome:
    values: dict[str, Any] = {
        "relay": "demo",
        "since": AT - timedelta(hours=1),
        "until": AT + timedelta(hours=1),
        "dry_run": False,
    }
    asked = Asked(bill=Bill(tuple(rows), "", "bill.csv"), **(values | how))
    return reconcile(asked, ours_at(asked.relay, attempts))
