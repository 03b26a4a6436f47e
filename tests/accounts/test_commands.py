"""The commands that make keys and the demo."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import APIKey, Membership, Team, User
from accounts.services.principals import principal_for_api_key
from accounts.services.teams import open_team
from tests.people import Cast


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_the_key_stands_alone_on_the_last_line(people: Cast) -> None:
    secret = run("createapikey", "bob", "--name", "robot").splitlines()[-1]
    principal = principal_for_api_key(secret)
    assert principal is not None
    assert (principal.username, principal.team_id) == ("bob", people.team.pk)
    assert APIKey.objects.get().name == "robot"


def test_a_key_is_made_for_the_named_team(people: Cast) -> None:
    own = Team.objects.get(personal=True, memberships__user=people.bob)
    principal = principal_for_api_key(run("createapikey", "BOB", "--team", str(own.pk)).strip())
    assert principal is not None
    assert principal.team_id == own.pk


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("nobody",), "no person nobody"),
        (("bob", "--team", "Team of Charlie"), "bob is in no team Team of Charlie"),
        (("bob", "--team", "Nope"), "bob is in no team Nope"),
    ],
)
def test_a_wrong_name_is_said(people: Cast, words: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        run("createapikey", *words)
    assert not APIKey.objects.exists()


def test_of_two_teams_alike_none_is_guessed(people: Cast) -> None:
    open_team("Twin", people.bob)
    open_team("Twin", people.bob)
    with pytest.raises(CommandError, match="by its id"):
        run("createapikey", "bob", "--team", "Twin")


@pytest.mark.django_db
def test_the_demo_is_seeded_again_and_again_without_more(settings: Any) -> None:
    settings.DEMO, settings.DEMO_PASSWORD = True, "demo"
    assert "alice" in run("seeddemo")
    counts = (User.objects.count(), Team.objects.count(), Membership.objects.count())
    run("seeddemo")
    assert counts == (User.objects.count(), Team.objects.count(), Membership.objects.count())
    assert User.objects.get(username="alice").check_password("demo")


@pytest.mark.django_db
def test_the_demo_is_not_seeded_into_a_real_installation(settings: Any) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="DEMO"):
        run("seeddemo")
    assert not User.objects.exists()
    run("seeddemo", "--force")
    assert User.objects.filter(username="alice").exists()
