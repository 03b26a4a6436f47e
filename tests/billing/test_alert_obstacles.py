"""What stands in the way of one telling keeps nobody else's back."""

import socket
import threading
from collections.abc import Iterator
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected
from time import monotonic
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from accounts.models import Team, User
from billing import alert_webhook
from billing.alert_delivery import deliver_alerts
from billing.models import SpendAlert
from tests.billing.conftest import give, hold_for


@pytest.fixture
def alert(team: Team, alice: User, priced: str) -> SpendAlert:
    """Told to two of the staff, and to a webhook if there is one."""
    for name in ("ann", "zoe"):
        User.objects.create_user(username=name, email=f"{name}@example.com", is_staff=True)
    give(team, "0.02")
    hold_for(team, alice)
    return SpendAlert.objects.get()


def told() -> list[str]:
    return [each.to[0] for each in mail.outbox]


@pytest.mark.parametrize(
    ("error", "others"),
    [
        (SMTPRecipientsRefused({"ann@example.com": (550, b"gone")}), ["zoe@example.com"]),
        (ValueError("no address"), ["zoe@example.com"]),
        (SMTPServerDisconnected("gone"), []),
    ],
)
def test_an_address_that_is_refused_keeps_back_nobody_else_s_mail(
    alert: SpendAlert, monkeypatch: pytest.MonkeyPatch, error: Exception, others: list[str]
) -> None:
    send = EmailBackend.send_messages

    def refuse_ann(self: EmailBackend, messages: Any) -> int:
        if "ann@example.com" in messages[0].to:
            raise error
        return send(self, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", refuse_ann)
    assert deliver_alerts().failed == 1
    assert told() == others
    alert.refresh_from_db()
    assert alert.last_error == f"mail: {type(error).__name__}"


@pytest.fixture
def drip() -> Iterator[str]:
    """An address that answers a byte at a time, and never ends its head."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.05):
                try:
                    connection.sendall(b"a")
                except OSError:
                    return

    thread = threading.Thread(target=answer)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/hidden"
    over.set()
    thread.join(10)
    server.close()


def test_a_webhook_that_answers_a_byte_at_a_time_is_given_up(
    alert: SpendAlert, drip: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SPEND_WEBHOOK_URL = drip
    monkeypatch.setattr(alert_webhook, "TIMEOUT_SECONDS", 0.5)
    began = monotonic()
    assert deliver_alerts().failed == 1
    assert monotonic() - began < 10
    alert.refresh_from_db()
    assert alert.last_error == "webhook: TimeoutError"
    assert alert.called_at is None
