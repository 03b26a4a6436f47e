"""Batches in the admin: seen by staff, stopped by administrators, never read."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from accounts.policy import Principal
from chat.models import Batch, BatchLine, BatchState, LineState, Turn
from chat.services.batches import NewBatch, make_batch
from tests.chat import trees
from tests.chat.admitting import MODEL
from tests.people import Cast

BATCHES = "/admin/chat/batch/"
LINES = b'{"id": "=1+1", "prompt": "a very private prompt"}\nnot JSON\n'


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def made(bob: Principal) -> Batch:
    wanted = NewBatch(content=LINES, name="Private lines", model=MODEL)
    return Batch.objects.get(pk=make_batch(bob, wanted).batch_id)


@pytest.fixture
def answering(people: Cast, made: Batch) -> Turn:
    """The turn that answers the first line."""
    where = trees.conversation(people.team, people.bob)
    turn = trees.answer(where, trees.say(where, "?"), "a very private answer", state="running")
    BatchLine.objects.filter(batch=made, number=1).update(turn=turn, state=LineState.RUNNING)
    return turn


def test_a_batch_is_found_and_leads_to_its_turns(
    people: Cast, made: Batch, answering: Turn
) -> None:
    alice = signed_in(people.alice)
    for query in ("", "?q=bob", "?q=private", f"?q={made.pk}", "?state=running&day=today"):
        assert str(made.pk) in alice.get(BATCHES + query).content.decode()
    for query in ("?q=charlie", "?state=finished"):
        assert str(made.pk) not in alice.get(BATCHES + query).content.decode()
    shown = alice.get(f"{BATCHES}{made.pk}/change/").content.decode()
    assert f"/admin/chat/turn/{answering.pk}/change/" in shown
    assert "It is not JSON" in shown
    for secret in ("private prompt", "private answer"):
        assert secret not in shown
        assert secret not in alice.get(BATCHES + "export/?").content.decode()


def test_an_administrator_stops_a_batch_and_its_answers(
    people: Cast, made: Batch, answering: Turn
) -> None:
    chosen = {"action": "stop", "_selected_action": str(made.pk)}
    answer = signed_in(people.alice).post(BATCHES, chosen, follow=True)
    assert "1 batch stopped." in answer.content.decode()
    made.refresh_from_db()
    answering.refresh_from_db()
    assert (made.state, made.running_since) == (BatchState.STOPPED, None)
    assert answering.interrupted_by_id == people.alice.pk
    again = signed_in(people.alice).post(BATCHES, chosen, follow=True)
    assert "0 batches stopped." in again.content.decode()


def test_staff_who_are_no_administrators_look_and_change_nothing(people: Cast, made: Batch) -> None:
    people.bob.is_staff = True
    people.bob.save()
    people.bob.user_permissions.set(Permission.objects.all())
    bob = signed_in(people.bob)
    assert bob.get(BATCHES).status_code == 200
    bob.post(BATCHES, {"action": "stop", "_selected_action": str(made.pk)})
    for page in ("delete", "change"):
        assert bob.post(f"{BATCHES}{made.pk}/{page}/", {"state": "stopped"}).status_code == 403
    made.refresh_from_db()
    assert made.state == BatchState.RUNNING


def test_a_long_batch_shows_its_errors_first_and_no_more_than_fifty_lines(
    people: Cast, bob: Principal
) -> None:
    content = "\n".join([*(f"Line {number}" for number in range(1, 100)), '""']).encode()
    made = make_batch(bob, NewBatch(content=content, form="text", model=MODEL))
    BatchLine.objects.filter(batch_id=made.batch_id, number=99).update(
        state=LineState.FAILED, error_code="relay_timeout"
    )
    page = signed_in(people.alice).get(f"{BATCHES}{made.batch_id}/change/").content.decode()
    assert "relay_timeout" in page
    assert page.count("field-turn_link") == 50
