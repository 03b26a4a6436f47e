"""Reading how this process stands, when somebody asks for its metrics or looks at its relays."""

import asyncio
from dataclasses import dataclass

from django.db import DatabaseError
from django.db.models import Count

from chat.crossing import cross
from chat.models import AlertKind, RelayAlert
from chat.turns import metrics
from chat.turns.engines import engine
from chat.turns.lifecycle import is_draining
from chat.turns.relays import directory
from chat.turns.relays.accounts import accounts

DATABASE_SECONDS = 2.0
"""Who asks gets all the rest when the database takes longer: that is when it is wanted most."""
BREAKER_VALUES = {"closed": 0, "half_open": 1, "open": 2}


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """One relay with one key, as this process sees it now."""

    relay: str
    key_label: str
    breaker: str
    active: int
    waiting: int
    models: int | None
    catalogue_age_seconds: float | None


def standings() -> tuple[KeyStanding, ...]:
    """How the relays stand in this process; called on its event loop."""
    found = []
    relays = directory()
    for client in relays.clients:
        gate, breaker = relays.limits_of(client)
        kept = client.catalogue.copy()
        found.append(
            KeyStanding(
                client.settings.name,
                client.settings.key_label,
                breaker.state,
                gate.active(),
                gate.waiting(),
                None if kept is None else len(kept.entries),
                client.catalogue.age_seconds(),
            )
        )
    return tuple(found)


async def read_gauges() -> None:
    """Set all gauges to what is true now."""
    running = engine()
    metrics.TURNS_ACTIVE.set(len(running.running_ids()))
    metrics.SOCKETS_OPEN.set(len(running.goodbyes))
    metrics.BUS_ALIVE.set(running.bus.alive)
    metrics.DRAINING.set(is_draining())
    metrics.JOURNAL_STALL.set(running.journal_stall_seconds())
    metrics.LEASE_AGE.set(running.beat.lease_age_seconds())
    for gauge in (
        metrics.STREAMS_ACTIVE,
        metrics.QUEUE_LENGTH,
        metrics.BREAKER_STATE,
        metrics.CATALOGUE_MODELS,
        metrics.CATALOGUE_AGE,
        metrics.ACCOUNT_USED,
        metrics.ACCOUNT_GRANTED,
    ):
        # A relay that is gone must not stay as it last was.
        gauge.clear()
    for each in standings():
        labels = each.relay, each.key_label
        metrics.STREAMS_ACTIVE.labels(*labels).set(each.active)
        metrics.QUEUE_LENGTH.labels(*labels).set(each.waiting)
        metrics.BREAKER_STATE.labels(*labels).set(BREAKER_VALUES[each.breaker])
        if each.models is not None:
            metrics.CATALOGUE_MODELS.labels(each.relay).set(each.models)
        if each.catalogue_age_seconds is not None:
            metrics.CATALOGUE_AGE.labels(each.relay).set(each.catalogue_age_seconds)
    for labels, account in (await accounts(directory())).items():
        if account.used is not None:
            metrics.ACCOUNT_USED.labels(*labels).set(account.used)
        if account.granted is not None:
            metrics.ACCOUNT_GRANTED.labels(*labels).set(account.granted)
    alerts = await _alerts()
    metrics.ALERTS_OPEN.clear()
    for kind, number in alerts.items():
        metrics.ALERTS_OPEN.labels(kind).set(number)


async def _alerts() -> dict[str, int]:
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            return await cross(_open_alerts)
    except (DatabaseError, TimeoutError):
        return {}


def _open_alerts() -> dict[str, int]:
    rows = RelayAlert.objects.filter(closed_at__isnull=True).order_by().values_list("kind")
    return dict.fromkeys(AlertKind.values, 0) | dict(rows.annotate(number=Count("pk")))
