"""Telling spend alerts: by mail at most once, by webhook until it answers.

Each is claimed by a conditional update before anything is sent, so any number of processes may look
at once. No transaction is open while something is sent.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from time import monotonic

import structlog
from django.conf import settings
from django.db.models import F, Q
from django.utils.timezone import now

from billing.alert_mail import send_mails
from billing.alert_webhook import call_webhook
from billing.models import SpendAlert

log = structlog.get_logger(__name__)

MAX_TRIES = 8
FIRST_PAUSE = timedelta(seconds=30)
PAUSE_GROWTH = 4
"""The pauses after each try: 30 s, 2 min, 8 min … 1.4 days; all together under two days."""
TOLD_WITHIN = timedelta(days=3)
"""An older alert is not news any more: a webhook that is set later is not flooded."""
MAX_ERROR_CHARACTERS = 200
MAX_ALERTS = 50
MAX_SECONDS = 20.0
"""One look tells so many at most, and begins no other after this long: the rest waits."""


class Outcome(Enum):
    """What became of one telling."""

    MAILED = "mailed"
    CALLED = "called"
    FAILED = "failed"
    NOT_DUE = "not due"


@dataclass(frozen=True)
class Delivered:
    """How many alerts were mailed, told to the webhook, and how often either failed."""

    mailed: int
    called: int
    failed: int


def deliver_alerts() -> Delivered:
    """Tell what has not been told yet. Failures are kept in the rows and logged, never raised."""
    until = monotonic() + MAX_SECONDS
    outcomes: list[Outcome] = []
    for alert in _due():
        if monotonic() > until:
            break
        outcomes += [_mail(alert), _call(alert)]
    return Delivered(
        outcomes.count(Outcome.MAILED),
        outcomes.count(Outcome.CALLED),
        outcomes.count(Outcome.FAILED),
    )


def pause_after(tries: int) -> timedelta:
    """How long to wait after this many tries, 1 or more."""
    return FIRST_PAUSE * int(PAUSE_GROWTH ** (tries - 1))


def _due() -> list[SpendAlert]:
    waiting = Q(mailed_at=None)
    if settings.SPEND_WEBHOOK_URL:
        waiting |= _call_is_due()
    rows = SpendAlert.objects.filter(waiting, created_at__gt=now() - TOLD_WITHIN)
    related = ("budget__team", "budget__person", "budget__limit")
    return list(rows.select_related(*related).order_by("id")[:MAX_ALERTS])


def _call_is_due() -> Q:
    its_time = Q(next_try_at=None) | Q(next_try_at__lte=now())
    return Q(called_at=None, tries__lt=MAX_TRIES) & its_time


def _mail(alert: SpendAlert) -> Outcome:
    """Claimed for good before it is sent: a mail that may have gone out is never repeated."""
    if not SpendAlert.objects.filter(pk=alert.pk, mailed_at=None).update(mailed_at=now()):
        return Outcome.NOT_DUE
    error = send_mails(alert)
    _note(alert, "mail", error)
    return Outcome.FAILED if error else Outcome.MAILED


def _call(alert: SpendAlert) -> Outcome:
    """Claimed until the next try: whoever dies meanwhile leaves it to the others."""
    if not settings.SPEND_WEBHOOK_URL:
        return Outcome.NOT_DUE
    claimed = SpendAlert.objects.filter(_call_is_due(), pk=alert.pk, tries=alert.tries).update(
        tries=F("tries") + 1, next_try_at=now() + pause_after(alert.tries + 1)
    )
    if not claimed:
        return Outcome.NOT_DUE
    error = call_webhook(alert)
    if not error:
        SpendAlert.objects.filter(pk=alert.pk).update(called_at=now(), next_try_at=None)
    _note(alert, "webhook", error)
    return Outcome.FAILED if error else Outcome.CALLED


def _note(alert: SpendAlert, way: str, error: str) -> None:
    """Keep the last error of each way; none where the last try went well."""
    parts = [part for part in alert.last_error.split("; ") if part and not part.startswith(way)]
    if error:
        log.warning("spend_alert_not_told", way=way, alert=alert.pk, error=error)
        parts.append(f"{way}: {error}")
    noted = "; ".join(parts)[:MAX_ERROR_CHARACTERS]
    if noted != alert.last_error:
        alert.last_error = noted
        SpendAlert.objects.filter(pk=alert.pk).update(last_error=noted)
