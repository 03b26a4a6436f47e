"""The page about a team's credit: for owners and admins, within the content policy."""

import re
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import Team, User
from accounts.roles import Role
from accounts.services.teams import add_member
from billing.budgets import budget_of
from billing.codes import make_codes
from billing.models import Code, Transfer
from billing.money import usd_to_nano
from tests.billing.conftest import give, hold_for

FORBIDDEN = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>|\son\w+=|\sstyle=|<style|javascript:")


@pytest.fixture(autouse=True)
def _no_old_limits() -> None:
    cache.clear()


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def owner(team: Team, alice: User) -> Client:
    add_member(team, alice, Role.OWNER)
    return signed_in(alice)


def page(team: Team) -> str:
    return reverse("team_credit", args=[team.pk])


def code(usd: str = "5") -> str:
    return make_codes(count=1, amount_nano_usd=usd_to_nano(usd)).texts[0]


def text_of(answer: Any) -> str:
    text: str = answer.content.decode()
    assert not FORBIDDEN.search(text)
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_an_owner_sees_what_is_left_and_what_was_given(
    owner: Client, team: Team, alice: User, priced: str
) -> None:
    give(team, "2")
    give(team, "-0.5")
    hold_for(team, alice)
    shown = text_of(owner.get(page(team)))
    for words in ("Credit of Tram", "USD 1.484", "USD 1.50", "USD 0.016", "USD 2.00", "−USD 0.50"):
        assert words in shown
    assert owner.get(reverse("credit")).headers["Location"] == page(team)


def test_redeeming_a_code_adds_its_credit(owner: Client, team: Team) -> None:
    typed = code("5")
    answer = owner.post(page(team), {"code": typed.lower()}, follow=True)
    assert "USD 5.00 credit added." in text_of(answer)
    assert typed not in text_of(answer)
    assert budget_of(team.pk).granted_nano_usd == usd_to_nano("5")
    again = owner.post(page(team), {"code": typed})
    assert "redeemed already" in text_of(again)
    assert "no such code" in text_of(owner.post(page(team), {"code": "x"}))
    assert budget_of(team.pk).granted_nano_usd == usd_to_nano("5")


@pytest.mark.parametrize(
    ("role", "status"), [(Role.ADMIN, 200), (Role.MEMBER, 403), (Role.VIEWER, 403), (None, 404)]
)
def test_owners_and_admins_alone_have_the_page(
    team: Team, bob: User, role: Role | None, status: int
) -> None:
    if role is not None:
        add_member(team, bob, role)
    client, typed = signed_in(bob), code()
    assert client.get(page(team)).status_code == status
    posted = client.post(page(team), {"code": typed})
    assert posted.status_code == (302 if status == 200 else status)
    assert Transfer.objects.exists() == (status == 200)
    # Everybody has her personal team.
    own = Team.objects.get(personal=True, memberships__user=bob)
    where = team if status == 200 else own
    assert client.get(reverse("credit")).headers["Location"] == page(where)


def test_a_stranger_is_asked_to_sign_in(team: Team) -> None:
    for address in (page(team), reverse("credit")):
        assert "/accounts/login/" in Client().get(address).headers["Location"]
    assert "/accounts/login/" in Client().post(page(team), {"code": code()}).headers["Location"]
    assert not Transfer.objects.exists()


def test_a_form_from_elsewhere_redeems_nothing(owner: Client, team: Team, alice: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post(page(team), {"code": code()}).status_code == 403
    assert not Transfer.objects.exists()


def test_guesses_are_bounded_for_a_person(owner: Client, team: Team, bob: User) -> None:
    typed = code()
    answers = [owner.post(page(team), {"code": f"guess {n}"}) for n in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    late = owner.post(page(team), {"code": typed})
    assert late.status_code == 429
    assert "Too many tries" in text_of(late)
    assert Code.objects.filter(redeemed_at=None).count() == 1
    # Somebody else from the same address may still try.
    add_member(team, bob, Role.ADMIN)
    assert signed_in(bob).post(page(team), {"code": typed}).status_code == 302


def test_guesses_are_bounded_for_an_address(team: Team) -> None:
    answers = []
    for number in range(4):
        person = User.objects.create_user(username=f"person{number}")
        add_member(team, person, Role.ADMIN)
        client = signed_in(person)
        answers += [client.post(page(team), {"code": "guess"}).status_code for _ in range(9)]
    assert answers == [200] * 30 + [429] * 6
