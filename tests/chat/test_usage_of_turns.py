"""What usage tells of turns: relay and conversation, and titles to those who may read them."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.policy import Principal
from billing.models import Settlement, UsageFold, UsageTotal
from billing.usage_folding import rebuild
from chat.models import Conversation
from chat.queries.titles import titles_of
from chat.services.conversations import delete
from tests.billing.conftest import set_prices
from tests.chat.admitting import MODEL, attempt_of, finish, send
from tests.chat.conftest import principal
from tests.people import Cast

SECRET = "Plans for the spring"


@pytest.fixture(autouse=True)
def priced(db: None) -> None:
    set_prices(MODEL, "8")


def test_a_settlement_names_the_conversation_and_the_relay_that_answered(alice: Principal) -> None:
    turn = send(alice)
    failed = attempt_of(turn, "", relay="first", outcome="failed", billed=False)
    finish(turn, attempts=(failed, attempt_of(turn, number=2, relay="second")))
    row = Settlement.objects.get()
    assert (row.route, row.conversation_id) == ("second", turn.conversation_id)


@pytest.mark.parametrize("app", ["billing", "chat"])
def test_settlements_of_before_learn_their_relay_and_conversation(
    alice: Principal, app: str
) -> None:
    turn = send(alice)
    finish(turn)
    Settlement.objects.update(route="", conversation_id=None)
    Settlement.objects.update(created_at="2026-01-01T00:00Z")
    rebuild("UTC")
    name = {
        "billing": "billing.migrations.0008_usage_by_route_and_conversation",
        "chat": "chat.migrations.0008_settlements_name_their_relay",
    }[app]
    with connection.cursor() as cursor:
        editor = SimpleNamespace(
            connection=connection, execute=lambda sql, params=(): cursor.execute(sql, params)
        )
        import_module(name).forwards(None, editor)
    row = Settlement.objects.get()
    assert row.conversation_id == turn.conversation_id
    assert row.route == ("relay" if app == "chat" else "")
    assert not UsageTotal.objects.exists()
    assert not UsageFold.objects.exists()


def test_titles_are_told_to_who_may_read_them(
    alice: Principal, dana: Principal, charlie: Principal, people: Cast
) -> None:
    ids = [send(alice).conversation_id, send(alice).conversation_id]
    Conversation.objects.update(title=SECRET)
    delete(alice, ids[1])
    for reader in (alice, dana):
        assert titles_of(ids, reader) == {ids[0]: SECRET}
    assert titles_of(ids, charlie) == {}
    type(people.charlie).objects.filter(pk=people.charlie.pk).update(is_staff=True)
    assert titles_of(ids, principal(people.charlie, people.other_team)) == {}
    people.charlie.user_permissions.add(Permission.objects.get(codename="view_conversation"))
    people.charlie.refresh_from_db()
    assert titles_of(ids, principal(people.charlie, people.other_team)) == {ids[0]: SECRET}


def test_a_statement_has_titles_for_the_team_and_ids_for_others(
    alice: Principal, people: Cast, client: Client
) -> None:
    turn = send(alice)
    finish(turn)
    Conversation.objects.update(title=SECRET)
    address = reverse("statement", args=[people.team.pk])
    client.force_login(people.alice)
    assert SECRET in client.get(address).content.decode()
    assert SECRET in client.get(address + "csv/").content.decode()
    assert SECRET in client.get(reverse("my_usage")).content.decode()
    type(people.charlie).objects.filter(pk=people.charlie.pk).update(is_staff=True)
    see = Permission.objects.get(codename="view_settlement")
    people.charlie.user_permissions.add(see)
    client.force_login(people.charlie)
    for path in (address, address + "csv/", reverse("admin:index")):
        body = client.get(path).content.decode()
        assert str(turn.conversation_id) in body
        assert SECRET not in body
