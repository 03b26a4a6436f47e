"""Raise and close what looks wrong about a relay."""

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts.services.audit import Actor, record
from chat.models import AlertKind, RelayAlert

log = structlog.get_logger(__name__)

MAX_DETAIL_CHARACTERS = 1000
TRIES = 3
"""Between finding no open row and adding one somebody else may add it, and a third close it."""


def raise_alert(kind: AlertKind, *, relay: str, model: str = "", detail: str = "") -> bool:
    """Note that something looks wrong; true if this matter was not open already.

    A matter is one kind, relay and model. While it is open each call counts once more and keeps
    the newest evidence; the first one alone is logged. Takes part in the caller's transaction.
    """
    matter = {"kind": kind, "relay": relay[:100], "model": model[:200]}
    detail = detail.replace("\0", "\ufffd")[:MAX_DETAIL_CHARACTERS]
    for _ in range(TRIES):
        if _count_again(matter, detail):
            return False
        try:
            with transaction.atomic():
                RelayAlert.objects.create(**matter, detail=detail)
        except IntegrityError:
            continue
        log.warning("relay_alert", kind=kind, relay=relay, model=model, detail=detail)
        return True
    return False


def tell_price_missing(model: str) -> None:
    """Tell administrators that people ask for a model that has no price; once a model."""
    detail = "People ask for it and are refused. Set its price, or one for all without."
    raise_alert(AlertKind.PRICE_MISSING, relay="", model=model, detail=detail)


def close_alert(actor: Actor, alert_id: int) -> bool:
    """Close an open alert in the name of `actor` and note it in the audit log; false if it is
    closed already, or none."""
    with transaction.atomic():
        open_ = RelayAlert.objects.filter(pk=alert_id, closed_at__isnull=True)
        if not open_.update(closed_at=Now(), closed_by_id=actor.user_id):
            return False
        alert = RelayAlert.objects.get(pk=alert_id)
        record(actor, "relay_alert_closed", alert, detail=alert.detail)
    return True


def _count_again(matter: dict[str, str], detail: str) -> bool:
    changed: dict[str, object] = {"times": F("times") + 1, "last_seen_at": Now()}
    if detail:
        changed["detail"] = detail
    return bool(RelayAlert.objects.filter(**matter, closed_at__isnull=True).update(**changed))
