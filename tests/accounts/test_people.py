"""The first visitor, disabling, new passwords, and rights that never turn back."""

import pytest
from django.core.management import call_command

from accounts.errors import LastAdministrator, LastOwner
from accounts.models import Installation, Membership, Team, User
from accounts.roles import Role
from accounts.services import people as people_services
from accounts.services import teams
from accounts.services.demo import create_demo_people
from accounts.signals import RightsChange
from tests.people import Cast, alice


def test_the_last_active_owner_of_a_team_is_not_disabled(people: Cast) -> None:
    with pytest.raises(LastOwner):
        people_services.disable_person(people.charlie)
    people.charlie.refresh_from_db()
    assert people.charlie.is_active


def test_a_person_is_disabled_and_everything_of_hers_ends(
    people: Cast, changes: list[RightsChange], django_capture_on_commit_callbacks: object
) -> None:
    before = people.bob.auth_version
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        people_services.disable_person(people.bob)
    people.bob.refresh_from_db()
    assert (people.bob.is_active, people.bob.auth_version) == (False, before + 1)
    assert changes == [RightsChange(people.bob.pk, "standing_changed")]


@pytest.mark.parametrize("standing", [(False, True, True), (True, True, False)])
def test_the_last_administrator_stays(people: Cast, standing: tuple[bool, bool, bool]) -> None:
    teams.change_role(people.team, people.bob, Role.OWNER)
    active, staff, superuser = standing
    with pytest.raises(LastAdministrator):
        people_services.set_standing(
            people.alice, is_active=active, is_staff=staff, is_superuser=superuser
        )


def test_a_new_password_ends_what_the_old_one_opened(
    people: Cast, changes: list[RightsChange], django_capture_on_commit_callbacks: object
) -> None:
    before = people.bob.auth_version
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        people.bob.set_password("another-password")
        people.bob.save()
    people.bob.refresh_from_db()
    assert people.bob.auth_version == before + 1
    assert changes == [RightsChange(people.bob.pk, "password_changed")]


def test_saving_an_old_copy_does_not_turn_the_rights_version_back(people: Cast) -> None:
    old_copy = User.objects.get(pk=people.bob.pk)
    teams.change_role(people.team, people.bob, Role.VIEWER)
    raised = User.objects.get(pk=people.bob.pk).auth_version
    assert raised > old_copy.auth_version
    old_copy.first_name = "Robert"
    old_copy.save()
    stored = User.objects.get(pk=people.bob.pk)
    assert (stored.first_name, stored.auth_version) == ("Robert", raised)


@pytest.mark.django_db
def test_a_person_from_the_command_line_has_a_personal_team() -> None:
    call_command("createsuperuser", "--noinput", "--username=root", "--email=root@example.com")
    own = Membership.objects.get(user__username="root")
    assert (own.team.personal, own.role) == (True, Role.OWNER)


@pytest.mark.django_db
def test_only_the_first_claim_of_an_empty_installation_counts() -> None:
    assert people_services.is_empty()
    assert people_services.claim_installation("alice")
    assert not people_services.claim_installation("bob")
    assert Installation.objects.get().claimed_by == "alice"


@pytest.mark.django_db
def test_an_installation_with_people_is_not_claimed() -> None:
    alice()
    assert not people_services.claim_installation("mallory")


@pytest.mark.django_db
def test_the_demo_people_are_made_once_however_often_asked() -> None:
    first = create_demo_people("demo")
    counts = (User.objects.count(), Team.objects.count(), Membership.objects.count())
    again = create_demo_people("demo")
    assert counts == (User.objects.count(), Team.objects.count(), Membership.objects.count())
    assert first.alice == again.alice
    assert first.alice.is_staff
    assert Membership.objects.get(team=first.demo, user=first.bob).role == Role.MEMBER
    assert not Membership.objects.filter(team=first.demo, user=first.charlie).exists()
    assert Membership.objects.get(team=first.other, user=first.charlie).role == Role.OWNER


@pytest.mark.django_db
def test_a_renamed_demo_team_is_not_made_again() -> None:
    made = create_demo_people("demo")
    Team.objects.filter(pk=made.demo.pk).update(name="Our station")
    assert create_demo_people("demo").demo.pk == made.demo.pk
