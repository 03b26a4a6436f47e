"""Spend alerts are told: by mail once at most, by webhook until it answers."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.core.management import call_command
from django.db import connections
from django.utils.timezone import now

from accounts.models import Team, User
from accounts.roles import Role
from accounts.services.teams import add_member
from billing.alert_delivery import (
    MAX_TRIES,
    TOLD_WITHIN,
    Delivered,
    deliver_alerts,
    pause_after,
)
from billing.alert_mail import recipients
from billing.limit_setting import NewLimit, set_limit
from billing.models import LimitScope, Period, SpendAlert
from billing.money import usd_to_nano
from tests.billing.conftest import give, hold_for
from tests.billing.receiver import Receiver, receiving


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """The webhook that the settings name."""
    with receiving() as found:
        settings.SPEND_WEBHOOK_URL = found.address
        yield found


@pytest.fixture
def alert(team: Team, alice: User, priced: str) -> SpendAlert:
    """Four fifths of the team's credit are held."""
    with_address(alice)
    add_member(team, alice, Role.OWNER)
    give(team, "0.02")
    hold_for(team, alice)
    return SpendAlert.objects.get()


def with_address(person: User, verified: bool = True, **facts: Any) -> User:
    User.objects.filter(pk=person.pk).update(email=f"{person.username}@example.com", **facts)
    EmailAddress.objects.create(
        user=person, email=f"{person.username}@example.com", verified=verified, primary=True
    )
    return person


def newcomer(name: str, team: Team, role: Role, **facts: Any) -> None:
    person = with_address(User.objects.create_user(username=name), **facts)
    add_member(team, person, role)


def told(team: Team | None) -> list[str]:
    return [each.address.partition("@")[0] for each in recipients(team)]


def test_owners_admins_and_staff_are_told(team: Team, charlies_team: Team, db: None) -> None:
    newcomer("owner", team, Role.OWNER)
    newcomer("admin", team, Role.ADMIN)
    newcomer("member", team, Role.MEMBER)
    newcomer("unverified", team, Role.ADMIN, verified=False)
    newcomer("disabled", team, Role.ADMIN, is_active=False)
    newcomer("stranger", charlies_team, Role.OWNER)
    User.objects.create_user(username="staff", email="staff@example.com", is_staff=True)
    assert told(team) == ["admin", "owner", "staff"]
    assert told(charlies_team) == ["staff", "stranger"]
    assert told(None) == ["staff"]
    personal = Team.objects.get(personal=True, memberships__user__username="owner")
    assert told(personal) == ["owner"]


def test_each_is_mailed_once_in_her_own_language(alert: SpendAlert, team: Team) -> None:
    newcomer("bao", team, Role.ADMIN, language="vi")
    newcomer("xu", team, Role.ADMIN, language="klingon")
    assert deliver_alerts().mailed == 1
    assert deliver_alerts().mailed == 0
    sent = {each.to[0]: each for each in mail.outbox}
    assert set(sent) == {f"{name}@example.com" for name in ("alice", "bao", "xu")}
    english = sent["alice@example.com"]
    assert english.subject == "[Tram] Tram: 80 % used"
    assert "Tram: USD 0.016 of USD 0.02 credit are used." in english.body
    assert sent["xu@example.com"].body == english.body
    alert.refresh_from_db()
    assert alert.mailed_at is not None
    assert alert.last_error == ""


def test_a_limit_s_mail_names_its_period(team: Team, alice: User, priced: str) -> None:
    with_address(alice)
    add_member(team, alice, Role.OWNER)
    give(team, "100")
    set_limit(
        NewLimit(
            LimitScope.PERSON,
            usd_to_nano("0.016"),
            team_id=team.pk,
            person_id=alice.pk,
            period=Period.MONTH,
            warn_percents="100",
        )
    )
    hold_for(team, alice)
    deliver_alerts()
    assert mail.outbox[0].subject == "[Tram] alice, Tram: 100 % used"
    assert "of the limit of USD 0.016 are used" in str(mail.outbox[0].body)
    assert "The limit counts since" in str(mail.outbox[0].body)


def test_a_team_s_name_breaks_no_subject(alert: SpendAlert, team: Team) -> None:
    Team.objects.filter(pk=team.pk).update(name="Tram\nBcc: all@example.com")
    deliver_alerts()
    assert mail.outbox[0].subject == "[Tram] Tram Bcc: all@example.com: 80 % used"


def test_a_mail_that_fails_is_noted_without_its_text_and_not_sent_again(
    alert: SpendAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise ConnectionRefusedError("alice@example.com refused")

    with monkeypatch.context() as broken:
        broken.setattr(EmailBackend, "send_messages", fail)
        assert deliver_alerts().failed == 1
    assert deliver_alerts().mailed == 0
    alert.refresh_from_db()
    assert alert.last_error == "mail: ConnectionRefusedError"


def test_the_webhook_is_told_what_was_used_and_signed(
    alert: SpendAlert, team: Team, receiver: Receiver
) -> None:
    assert deliver_alerts().called == 1
    assert deliver_alerts().called == 0
    (call,) = receiver.calls
    assert json.loads(call.body) == {
        "team": "Tram",
        "team_id": str(team.pk),
        "scope": "team",
        "whose": "Tram",
        "api_key_id": None,
        "percent": 80,
        "used_usd": "0.016000000",
        "bound_usd": "0.020000000",
        "period_start": None,
        "at": alert.created_at.isoformat(),
    }
    out = StringIO()
    call_command("sendalerts", "--webhook-key", stdout=out)
    signed = f"{alert.pk}.{call.headers['tram-sent-at']}.".encode() + call.body
    expected = hmac.new(out.getvalue().strip().encode(), signed, hashlib.sha256).hexdigest()
    assert call.headers["tram-signature"] == f"sha256={expected}"
    assert call.headers["tram-alert"] == str(alert.pk)


def test_a_webhook_that_fails_is_called_again_with_the_same_id_after_a_pause(
    alert: SpendAlert, receiver: Receiver
) -> None:
    receiver.statuses = [500, 302, 200]
    assert deliver_alerts().failed == 1
    assert deliver_alerts().failed == 0
    for error in ("webhook: HTTP 500", "webhook: HTTP 302"):
        alert.refresh_from_db()
        assert alert.last_error == error
        assert alert.next_try_at is not None
        left = alert.next_try_at - now()
        assert pause_after(alert.tries) - timedelta(seconds=20) < left <= pause_after(alert.tries)
        SpendAlert.objects.update(next_try_at=now())
        deliver_alerts()
    alert.refresh_from_db()
    assert alert.called_at is not None
    assert (alert.tries, alert.last_error) == (3, "")
    assert [call.headers["tram-alert"] for call in receiver.calls] == [str(alert.pk)] * 3
    # The redirect was not followed.
    assert {call.path for call in receiver.calls} == {"/spend?token=hidden"}


def test_a_webhook_that_never_answers_is_given_up(alert: SpendAlert, settings: Any) -> None:
    with receiving() as gone:
        settings.SPEND_WEBHOOK_URL = gone.address
    for _ in range(MAX_TRIES + 2):
        deliver_alerts()
        SpendAlert.objects.update(next_try_at=now())
    alert.refresh_from_db()
    assert (alert.tries, alert.called_at) == (MAX_TRIES, None)
    assert alert.last_error == "webhook: ConnectError"
    assert sum((pause_after(n) for n in range(1, MAX_TRIES)), timedelta()) < TOLD_WITHIN


def test_old_alerts_are_not_news(alert: SpendAlert, receiver: Receiver) -> None:
    SpendAlert.objects.update(created_at=now() - TOLD_WITHIN)
    assert deliver_alerts() == Delivered(mailed=0, called=0, failed=0)
    assert len(receiver.calls) == len(mail.outbox) == 0


def test_the_command_says_what_it_did(alert: SpendAlert, receiver: Receiver) -> None:
    out = StringIO()
    call_command("sendalerts", stdout=out)
    assert out.getvalue() == "1 mailed, 1 told to the webhook, 0 failed.\n"


@pytest.mark.django_db(transaction=True)
def test_many_who_look_at_once_tell_once(alert: SpendAlert, receiver: Receiver) -> None:
    start = threading.Barrier(10)

    def look() -> None:
        start.wait(30)
        deliver_alerts()
        connections.close_all()

    threads = [threading.Thread(target=look) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(receiver.calls) == len(mail.outbox) == 1
