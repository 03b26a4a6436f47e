"""What looks wrong about a relay: one open row a matter, however often and by whomever raised."""

import threading

import pytest
from django.db import connections
from structlog.testing import capture_logs

from accounts.models import AuditEntry
from accounts.services.audit import Actor
from chat.models import AlertKind, RelayAlert
from chat.services.alerts import close_alert, raise_alert
from tests.people import alice

THREADS = 8
pytestmark = pytest.mark.django_db


def test_a_matter_is_one_row_that_counts_and_keeps_its_newest_evidence() -> None:
    with capture_logs() as logs:
        assert raise_alert(AlertKind.USAGE_DRIFT, relay="station", model="gpt-4.1", detail="1.2")
        for detail in ("1.3", ""):
            assert not raise_alert(
                AlertKind.USAGE_DRIFT, relay="station", model="gpt-4.1", detail=detail
            )
    row = RelayAlert.objects.get()
    assert (row.times, row.detail, row.closed_at) == (3, "1.3", None)
    assert [entry["event"] for entry in logs] == ["relay_alert"]


def test_another_kind_relay_or_model_is_another_matter() -> None:
    assert raise_alert(AlertKind.USAGE_DRIFT, relay="station", model="gpt-4.1")
    assert raise_alert(AlertKind.MODEL_SWAPPED, relay="station", model="gpt-4.1")
    assert raise_alert(AlertKind.USAGE_DRIFT, relay="other", model="gpt-4.1")
    assert raise_alert(AlertKind.USAGE_DRIFT, relay="station")
    assert RelayAlert.objects.count() == 4


def test_a_closed_matter_is_raised_anew_and_says_who_closed_it() -> None:
    closer = alice()
    raise_alert(AlertKind.KEY_REFUSED, relay="station", detail="401")
    first = RelayAlert.objects.get()
    actor = Actor(closer.pk, closer.username, "127.0.0.1")
    assert close_alert(actor, first.pk)
    assert not close_alert(actor, first.pk)
    first.refresh_from_db()
    assert (first.closed_by, first.closed_at is not None) == (closer, True)
    entry = AuditEntry.objects.get(action="relay_alert_closed")
    assert (entry.actor, entry.detail) == ("alice", {"detail": "401"})
    assert raise_alert(AlertKind.KEY_REFUSED, relay="station")
    assert RelayAlert.objects.filter(closed_at__isnull=True).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_that_raise_a_matter_at_once_one_is_the_first_and_all_count() -> None:
    start = threading.Barrier(THREADS)
    firsts: list[bool] = []

    def work() -> None:
        try:
            start.wait(30)
            firsts.append(raise_alert(AlertKind.OVERRUN, relay="station", model="gpt-4.1"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(firsts) == [False] * (THREADS - 1) + [True]
    assert RelayAlert.objects.get().times == THREADS
