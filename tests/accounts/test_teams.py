"""Teams keep an owner, and every loss of rights is announced."""

import threading

import pytest
from django.db import connection

from accounts.errors import AlreadyMember, LastOwner, NotAMember, PersonalTeam
from accounts.models import AuditEntry, Membership, Team
from accounts.roles import Role
from accounts.services import keys, teams
from accounts.services import people as people_services
from accounts.signals import RightsChange
from tests.people import Cast, cast


def version(user: object) -> int:
    user.refresh_from_db()  # type: ignore[attr-defined]
    return int(user.auth_version)  # type: ignore[attr-defined]


def test_a_new_person_has_a_personal_team_that_she_owns(people: Cast) -> None:
    own = Membership.objects.get(user=people.bob, team__personal=True)
    assert own.role == Role.OWNER


def test_nobody_joins_a_personal_team(people: Cast) -> None:
    own = Team.objects.get(personal=True, memberships__user=people.bob)
    with pytest.raises(PersonalTeam):
        teams.add_member(own, people.alice)


def test_nobody_leaves_or_gives_up_a_personal_team(people: Cast) -> None:
    own = Team.objects.get(personal=True, memberships__user=people.bob)
    with pytest.raises(PersonalTeam):
        teams.remove_member(own, people.bob)
    with pytest.raises(PersonalTeam):
        teams.change_role(own, people.bob, Role.VIEWER)


def test_a_member_is_not_added_twice(people: Cast) -> None:
    with pytest.raises(AlreadyMember):
        teams.add_member(people.team, people.bob, Role.OWNER)
    assert Membership.objects.get(team=people.team, user=people.bob).role == Role.MEMBER


def test_a_stranger_cannot_be_removed_or_given_a_role(people: Cast) -> None:
    with pytest.raises(NotAMember):
        teams.remove_member(people.team, people.charlie)
    with pytest.raises(NotAMember):
        teams.change_role(people.team, people.charlie, Role.OWNER)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.VIEWER])
def test_the_last_owner_keeps_her_role(people: Cast, role: Role) -> None:
    with pytest.raises(LastOwner):
        teams.change_role(people.team, people.alice, role)


def test_the_last_owner_cannot_leave(people: Cast) -> None:
    with pytest.raises(LastOwner):
        teams.remove_member(people.team, people.alice)


def test_an_owner_may_leave_once_there_is_another(people: Cast) -> None:
    teams.change_role(people.team, people.bob, Role.OWNER)
    teams.remove_member(people.team, people.alice)
    assert not Membership.objects.filter(team=people.team, user=people.alice).exists()


def test_a_disabled_owner_does_not_count(people: Cast) -> None:
    teams.change_role(people.team, people.bob, Role.OWNER)
    people_services.disable_person(people.bob)
    with pytest.raises(LastOwner):
        teams.remove_member(people.team, people.alice)


def test_a_smaller_role_makes_old_proofs_stale_and_is_announced(
    people: Cast, changes: list[RightsChange], django_capture_on_commit_callbacks: object
) -> None:
    before = version(people.bob)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        teams.change_role(people.team, people.bob, Role.VIEWER)
        assert changes == []
    assert version(people.bob) == before + 1
    assert changes == [RightsChange(people.bob.pk, "role_changed")]


def test_a_larger_role_is_announced_but_ends_nothing(
    people: Cast, changes: list[RightsChange], django_capture_on_commit_callbacks: object
) -> None:
    before = version(people.dana)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        teams.change_role(people.team, people.dana, Role.MEMBER)
    assert version(people.dana) == before
    assert changes == [RightsChange(people.dana.pk, "role_changed")]


def test_the_same_role_again_changes_and_records_nothing(people: Cast) -> None:
    entries = AuditEntry.objects.count()
    teams.change_role(people.team, people.bob, Role.MEMBER)
    assert AuditEntry.objects.count() == entries


def test_removing_a_member_ends_her_keys_of_that_team_for_good(people: Cast) -> None:
    made = keys.create_api_key(people.bob, people.team, "script")
    teams.remove_member(people.team, people.bob)
    teams.add_member(people.team, people.bob)
    assert keys.find_api_key(made.secret) is None


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_once_do_not_both_get_out() -> None:
    people = cast()
    teams.change_role(people.team, people.bob, Role.OWNER)
    ready, outcomes = threading.Barrier(2), []

    def leave(person: object) -> None:
        try:
            ready.wait(timeout=10)
            teams.remove_member(people.team, person)  # type: ignore[arg-type]
            outcomes.append("left")
        except LastOwner:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=leave, args=(p,)) for p in (people.alice, people.bob)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(outcomes) == ["left", "refused"]
    assert Membership.objects.filter(team=people.team, role=Role.OWNER).count() == 1
