"""Turns and corrections booked at a chosen moment, in the ledger and in usage alike."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from accounts.models import Team, User
from billing.ledger import post_correction
from billing.models import Settlement, Transfer
from tests.billing.conftest import MODEL, hold_for, settle_as


def turn_at(
    team: Team,
    person: User,
    moment: datetime,
    model: str = MODEL,
    conversation: UUID | None = None,
    **facts: Any,
) -> str:
    """Settle a turn of 1,000 tokens in and 500 out at a moment; returns its subject."""
    subject = f"turn:{uuid4()}"
    hold_for(team, person, subject, model=model, conversation_id=conversation)
    settle_as(subject, 1000, 500, **facts)
    # Held a minute before.
    move(Transfer.objects.get(subject=subject, kind="hold"), moment - timedelta(minutes=1))
    for transfer in Transfer.objects.filter(subject=subject).exclude(kind="hold"):
        move(transfer, moment)
    settled = Settlement.objects.filter(subject=subject)
    settled.update(created_at=moment)
    return subject


def move(transfer: Transfer, moment: datetime) -> None:
    """Change when a transfer was written: with its guard away for so long."""
    table = Transfer._meta.db_table
    on = f" ON {table}" if connection.vendor == "postgresql" else ""
    from billing.guards import create_guards

    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER IF EXISTS {table}_refuse_update{on}")
    Transfer.objects.filter(pk=transfer.pk).update(created_at=moment)
    create_guards(connection)


__all__ = ["move", "post_correction", "turn_at"]
