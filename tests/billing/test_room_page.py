"""What a person reads of the budgets above her, of which some are mostly about others."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Team, User
from accounts.roles import Role
from accounts.services.teams import add_member
from billing.formatting import shown_usd
from billing.limit_setting import NewLimit, set_limit
from billing.models import Budget, LimitScope
from billing.money import usd_to_nano
from tests.billing.conftest import give, hold_for, settle_as


@pytest.fixture
def everybodys(charlies_team: Team, priced: str) -> Budget:
    """The installation's limit, of which another team has spent and holds something."""
    set_limit(NewLimit(LimitScope.INSTALLATION, usd_to_nano("100")))
    give(charlies_team, "50")
    charlie = User.objects.create_user(username="charlie")
    hold_for(charlies_team, charlie, "turn:1")
    settle_as("turn:1", 900, 900)
    hold_for(charlies_team, charlie, "turn:2", max_tokens=2000)
    return Budget.objects.get(scope=LimitScope.INSTALLATION)


@pytest.mark.parametrize("is_staff", [False, True])
def test_the_spend_of_other_teams_is_told_to_staff_alone(
    everybodys: Budget, team: Team, bob: User, is_staff: bool
) -> None:
    add_member(team, bob, Role.MEMBER)
    User.objects.filter(pk=bob.pk).update(is_staff=is_staff)
    client = Client()
    client.force_login(bob)
    page = client.get(reverse("my_usage")).content.decode()
    assert shown_usd(everybodys.remaining_nano_usd) in page
    for amount in (everybodys.posted_nano_usd, everybodys.held_nano_usd):
        assert amount > 0
        assert (shown_usd(amount) in page) is is_staff
