"""The commands that make keys and the demo."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import APIKey, Membership, Team, User
from accounts.roles import Capability
from accounts.services.principals import principal_for_api_key
from accounts.services.teams import open_team
from billing.models import Limit
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


def test_a_key_is_made_within_bounds(people: Cast) -> None:
    words = ("--models", "gpt-4.1, o3", "--scopes", "send_message,view_billing")
    bounds = ("--budget", "2.50", "--period", "week", "--expires", "2099-03-31")
    principal = principal_for_api_key(run("createapikey", "bob", *words, *bounds).strip())
    assert principal is not None
    assert principal.models == frozenset({"gpt-4.1", "o3"})
    scopes = {Capability.SEND_MESSAGE, Capability.VIEW_BILLING}
    assert principal.capabilities == frozenset(scopes)
    key, limit = APIKey.objects.get(), Limit.objects.get()
    assert (limit.api_key_id, limit.amount_nano_usd, limit.period) == (
        key.pk,
        2_500_000_000,
        "week",
    )
    assert key.expires_at is not None
    assert key.expires_at.isoformat() == "2099-04-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("bob", "--models", "a" * 201), "at most 500 models"),
        (("bob", "--scopes", "manage_team"), "cannot carry manage_team"),
        (("bob", "--budget", "-1"), "is not negative"),
        (("bob", "--budget", "much"), "not an amount"),
        (("bob", "--expires", "tomorrow"), "is not a date"),
        (("bob", "--expires", "2020-01-01"), "cannot have expired"),
        (("bob", "--name", ""), "has a name"),
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
