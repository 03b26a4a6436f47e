"""A bill in the administration: compared first, corrected by the same file, else refused."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.policy import Principal
from billing import reconciliation_runs
from billing.formatting import exact_usd
from billing.models import ReconciliationFinding, ReconciliationRun, Transfer, TransferKind
from chat.admin import bill_form
from chat.models import Attempt, Turn
from tests.billing.conftest import set_prices
from tests.chat.admitting import MODEL, attempt_of, finish, send
from tests.people import Cast

HEAD = "time,model,prompt_tokens,completion_tokens,cost_usd,request_id\n"


@pytest.fixture
def desk(people: Cast) -> Client:
    people.alice.is_staff = people.alice.is_superuser = True
    people.alice.save()
    client = Client()
    client.force_login(people.alice)
    return client


@pytest.fixture
def bill(alice: Principal) -> str:
    """Of a turn that was estimated two hours ago: the relay asks more."""
    set_prices(MODEL, "8")
    turn = send(alice)
    attempt = attempt_of(turn, "An answer.", relay="demo", response_id="chatcmpl-one")
    finish(turn, "An answer.", attempts=(attempt,))
    at = timezone.now() - timedelta(hours=2)
    Turn.objects.update(created_at=at)
    Attempt.objects.update(created_at=at)
    return f"{HEAD}{at.isoformat()},{MODEL},100,50,0.0012,one\n"


def put(desk: Client, text: str, **more: Any) -> Any:
    now = timezone.now().replace(second=0, microsecond=0)
    form = {
        "relay": "demo",
        "since": (now - timedelta(hours=5)).isoformat()[:16],
        "until": (now - timedelta(hours=1)).isoformat()[:16],
        "bill": SimpleUploadedFile("bill.csv", text.encode()),
    }
    return desk.post(reverse("admin:billing_reconciliationrun_add"), form | more)


def corrections() -> int:
    return Transfer.objects.filter(kind=TransferKind.CORRECTION).count()


def test_a_bill_is_shown_first_and_corrects_when_it_comes_again(desk: Client, bill: str) -> None:
    shown = put(desk, bill)
    assert "Other counts of tokens" in shown.content.decode()
    dry = ReconciliationRun.objects.get()
    assert (dry.state, corrections()) == ("dry", 0)
    assert f'value="{dry.pk}"' in shown.content.decode()
    done = put(desk, bill, tried=dry.pk)
    run = ReconciliationRun.objects.exclude(pk=dry.pk).get()
    assert done.url == reverse("admin:billing_reconciliationrun_change", args=[run.pk])
    assert (run.state, corrections()) == ("agreed", 1)
    for name in ("reconciliationrun", "reconciliationfinding"):
        page = desk.get(reverse(f"admin:billing_{name}_changelist"))
        assert "demo" in page.content.decode()
    shown = desk.get(done.url).content.decode()
    assert "Other counts of tokens: 1" in shown
    assert exact_usd(run.ours_nano_usd) in shown


def test_another_file_than_the_one_that_was_shown_is_only_compared(desk: Client, bill: str) -> None:
    put(desk, bill)
    put(desk, bill.replace(",50,", ",51,"), tried=ReconciliationRun.objects.get().pk)
    assert set(ReconciliationRun.objects.values_list("state", flat=True)) == {"dry"}
    assert corrections() == 0


def test_another_time_than_the_one_that_was_shown_is_only_compared(desk: Client, bill: str) -> None:
    put(desk, bill)
    longer = (timezone.now() - timedelta(minutes=30)).isoformat()[:16]
    put(desk, bill, tried=ReconciliationRun.objects.get().pk, until=longer)
    assert set(ReconciliationRun.objects.values_list("state", flat=True)) == {"dry"}
    assert corrections() == 0


def test_an_end_still_to_come_is_now_and_corrects_what_was_shown(desk: Client, bill: str) -> None:
    to_come = (timezone.now() + timedelta(days=1)).isoformat()[:16]
    shown = put(desk, bill, until=to_come).content.decode()
    dry = ReconciliationRun.objects.get()
    assert dry.until <= timezone.now()
    until = dry.until.isoformat()[:16]
    assert f'value="{until}"' in shown
    put(desk, bill, until=until, tried=dry.pk)
    assert set(ReconciliationRun.objects.values_list("state", flat=True)) == {"dry", "agreed"}


@pytest.mark.parametrize("since", ["0001-01-01T00:00", "1999-12-31T23:59", "9999-12-31T23:59"])
def test_a_time_before_all_bills_or_to_come_is_refused(desk: Client, bill: str, since: str) -> None:
    refused = put(desk, bill, since=since).content.decode()
    assert "The end comes after the beginning" in refused
    assert not ReconciliationRun.objects.exists()


def test_a_bill_that_lacks_much_corrects_only_if_it_is_said_to_be_whole(
    desk: Client, bill: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation_runs, "UNBILLED_TURNS", 0)
    long_before = timezone.now() - timedelta(hours=4)
    nothing_of_ours = f"{HEAD}{long_before.isoformat()},{MODEL},9,9,0.0001,other\n"
    put(desk, nothing_of_ours)
    dry = ReconciliationRun.objects.get()
    refused = put(desk, nothing_of_ours, tried=dry.pk)
    assert "say so here" in refused.content.decode()
    assert corrections() == 0
    assert put(desk, nothing_of_ours, tried=dry.pk, complete="on").status_code == 302
    assert corrections() == 1


def test_nonsense_and_too_much_are_refused_in_the_form(
    desk: Client, bill: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = put(desk, bill.replace(",100,", ",=100,"))
    assert "Line 2: prompt_tokens begins like a formula" in refused.content.decode()
    monkeypatch.setattr(bill_form, "MAX_UPLOAD_BYTES", 10)
    assert "more than 8 MiB" in put(desk, bill).content.decode()
    assert not ReconciliationRun.objects.exists()
    assert not ReconciliationFinding.objects.exists()


def test_only_administrators_reconcile(desk: Client, bill: str, people: Cast) -> None:
    people.bob.is_staff = True
    people.bob.save()
    desk.force_login(people.bob)
    assert put(desk, bill).status_code == 403
    assert desk.get(reverse("admin:billing_reconciliationrun_changelist")).status_code == 403
