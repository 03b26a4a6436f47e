"""The list of processes in the administration: read-only, and who is alive at a glance."""

import pytest
from django.test import Client
from django.urls import reverse

from chat.models import Node
from chat.services.leases import BeatOf, beat
from tests.people import Cast
from tests.turns.test_leases import let_pass

LIST = "admin:chat_node_changelist"


@pytest.fixture
def administrator(people: Cast) -> Client:
    client = Client()
    client.force_login(people.alice)
    return client


def test_each_process_is_listed_with_whether_it_lives(administrator: Client) -> None:
    beat(BeatOf("alive:1:a", "all", False, ()))
    beat(BeatOf("dead:1:b", "runner", True, ()))
    let_pass("dead:1:b", 60)
    page = administrator.get(reverse(LIST)).content.decode()
    assert "alive:1:a" in page
    assert "dead:1:b" in page
    assert page.index("alive:1:a") < page.index("dead:1:b")
    assert page.count("icon-yes.svg") == 2  # alive, and one drains
    assert page.count("icon-no.svg") == 2
    assert "style=" not in page


def test_nothing_is_changed_by_hand(administrator: Client) -> None:
    beat(BeatOf("alive:1:a", "all", False, ()))
    assert administrator.get(reverse("admin:chat_node_add")).status_code == 403
    change = reverse("admin:chat_node_change", args=["alive:1:a"])
    assert administrator.get(change).status_code == 200
    assert administrator.post(change, {"role": "runner"}).status_code == 403
    delete = reverse("admin:chat_node_delete", args=["alive:1:a"])
    assert administrator.post(delete, {"post": "yes"}).status_code == 403
    assert Node.objects.get().role == "all"
