"""Pages of usage by relay and conversation: their edges, their filters, their addresses."""

import csv
import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from io import StringIO
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Membership, Team, User
from accounts.roles import Role
from billing.figures import Figures
from billing.models import Hold
from billing.money import usd_to_nano
from billing.statements import CONVERSATIONS_SHOWN, statement
from billing.usage_folding import rebuild
from tests.billing.booking import move, post_correction, turn_at
from tests.billing.conftest import give

OCTOBER = date(2025, 10, 1)
NOON = datetime(2025, 10, 15, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TALKS = [UUID(int=number) for number in range(1, 40)]
COST_NANO_USD = usd_to_nano("0.012")


@pytest.fixture(autouse=True)
def funded(team: Team, alice: User, bob: User, priced: str) -> None:
    give(team, "100")
    Membership.objects.create(team=team, user=alice, role=Role.OWNER)
    Membership.objects.create(team=team, user=bob, role=Role.MEMBER)


@pytest.fixture
def owner(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("UTC", datetime(2025, 11, 1, tzinfo=UTC)),
        ("Asia/Ho_Chi_Minh", datetime(2025, 10, 31, 17, tzinfo=UTC)),
        ("Asia/Shanghai", datetime(2025, 10, 31, 16, tzinfo=UTC)),
    ],
)
def test_relays_and_conversations_end_their_month_with_its_last_second(
    team: Team, alice: User, zone: str, midnight: datetime, folded: bool
) -> None:
    for talk, moment in zip(TALKS, (midnight - SECOND, midnight, midnight + SECOND), strict=False):
        subject = turn_at(team, alice, moment, conversation=talk, route=f"relay-{talk.int}")
    # What is corrected in October of a turn of November counts in October.
    hold = Hold.objects.get(subject=subject)
    move(post_correction(hold, 7, key="early", note=""), midnight - SECOND)
    if folded:
        rebuild(zone)
    shown = statement(team, OCTOBER, zone)
    told = {line.key: line.figures.cost_nano_usd for line in shown.conversations}
    assert told == {TALKS[0]: COST_NANO_USD, TALKS[2]: 7}
    by_relay = {line.key: line.figures.turns for line in shown.routes}
    assert by_relay == {"relay-1": 1, "relay-3": 0}
    later = statement(team, date(2025, 11, 1), zone)
    assert {line.key for line in later.conversations} == {TALKS[1], TALKS[2]}
    for month in (shown, later):
        for lines in (month.conversations, month.routes):
            assert sum((line.figures for line in lines), Figures()) == month.figures
    assert shown.figures.cost_nano_usd == COST_NANO_USD + 7


def test_very_many_conversations_add_up_on_the_page_and_stand_alone_in_files(
    team: Team, alice: User, owner: Client
) -> None:
    for talk in TALKS[: CONVERSATIONS_SHOWN + 2]:
        turn_at(team, alice, NOON, conversation=talk)
    shown = statement(team, OCTOBER, "UTC")
    assert len(shown.conversations) == CONVERSATIONS_SHOWN + 1
    assert shown.conversations[-1].is_rest
    assert shown.conversations[-1].figures.turns == 2
    assert sum((line.figures for line in shown.conversations), Figures()) == shown.figures
    query = {"month": "2025-10", "zone": "UTC"}
    page = owner.get(reverse("statement", args=[team.pk]), query)
    (table,) = (each for each in page.context["tables"] if each.head == "Conversation")
    assert table.total == shown.figures
    file = owner.get(reverse("statement_file", args=[team.pk, "csv"]), query)
    rows = list(csv.DictReader(StringIO(file.content.decode("utf-8-sig"))))
    ids = [row["id"] for row in rows if row["part"] == "conversation"]
    assert sorted(ids) == [str(talk) for talk in TALKS[: CONVERSATIONS_SHOWN + 2]]


def test_every_choice_stays_in_the_address(
    team: Team, alice: User, bob: User, owner: Client
) -> None:
    turn_at(team, bob, NOON, conversation=TALKS[0], route="reserve")
    turn_at(team, alice, NOON, conversation=TALKS[1], route="holysheep")
    asked = {
        "month": "2025-10",
        "zone": "Asia/Shanghai",
        "currency": "VND",
        "person": str(bob.pk),
        "model": "gpt-4.1",
        "route": "reserve",
        "conversation": str(TALKS[0]),
    }
    for address, mine in (
        (reverse("statement", args=[team.pk]), asked),
        (reverse("my_usage"), {name: asked[name] for name in asked if name != "person"}),
    ):
        body = owner.get(address, mine).content.decode()
        links = [unescape(href) for href in re.findall(r'href="([^"]*\?[^"]*)"', body)]
        queries = [
            {name: value for name, (value,) in parse_qs(urlsplit(href).query, True).items()}
            for href in links
            # Not those to other teams, where nobody is whom this one is narrowed to.
            if href.startswith(("?", address))
        ]
        assert len(queries) > 10
        # Each changes or removes one of the choices, and keeps all the others.
        assert all(len(mine.items() - query.items()) <= 1 for query in queries)
        without = {name for query in queries for name in mine if name not in query}
        assert without == mine.keys() - {"month", "zone", "currency"}


def test_a_part_tells_its_spend_and_no_credit(
    team: Team, alice: User, bob: User, owner: Client
) -> None:
    turn_at(team, bob, NOON, route="reserve")
    turn_at(team, alice, NOON)
    query = {"month": "2025-10", "zone": "UTC", "person": str(bob.pk)}
    page = owner.get(reverse("statement", args=[team.pk]), query)
    assert page.context["figures"].turns == 1
    assert "Person: bob" in page.content.decode()
    assert "Credit at the start" not in page.content.decode()
    file = owner.get(reverse("statement_file", args=[team.pk, "csv"]), query)
    rows = list(csv.DictReader(StringIO(file.content.decode("utf-8-sig"))))
    parts = {row["part"] for row in rows}
    assert {"only", "spend", "person", "route"} <= parts
    assert not {"opening", "closing", "held", "given"} & parts


def test_what_programs_spend_has_a_name(team: Team, alice: User, owner: Client) -> None:
    turn_at(team, alice, NOON)
    (line,) = statement(team, OCTOBER, "UTC").conversations
    assert (line.name, line.key) == ("Programs, outside conversations", None)
    shown = owner.get(reverse("my_usage"), {"month": "2025-10", "zone": "UTC"})
    assert "Programs, outside conversations" in shown.content.decode()


def test_an_empty_month_says_so(team: Team, alice: User, owner: Client) -> None:
    turn_at(team, alice, NOON)
    address = reverse("statement", args=[team.pk])
    told = owner.get(address, {"month": "2025-09"}).content.decode()
    assert "No answer was paid for in this month." in told
    told = owner.get(address, {"month": "2025-10", "model": "none"}).content.decode()
    assert "Nothing in this month fits these filters." in told
    told = owner.get(reverse("my_usage"), {"month": "2025-09"}).content.decode()
    assert "You had no answer in this month." in told


def test_a_stranger_is_not_named_by_a_filter(team: Team, owner: Client, bob: User) -> None:
    charlie = User.objects.create_user(username="charlie")
    hers = Team.objects.create(name="Charlie's")
    address = reverse("statement", args=[team.pk])
    assert "charlie" not in owner.get(address, {"person": charlie.pk}).content.decode()
    assert "Person: bob" in owner.get(address, {"person": bob.pk}).content.decode()
    told = owner.get(reverse("my_usage"), {"team": str(hers.pk)}).content.decode()
    assert "Charlie" not in told
