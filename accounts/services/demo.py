"""Demo people: alice owns, bob is a member, charlie owns another team."""

from typing import NamedTuple

from django.db import transaction

from accounts.models import Membership, Team, User
from accounts.roles import Role
from accounts.services import people, teams

DEMO_TEAM = "Demo"
OTHER_TEAM = "Other"


class DemoPeople(NamedTuple):
    """The people and teams of a demo installation."""

    alice: User
    bob: User
    charlie: User
    demo: Team
    other: Team


@transaction.atomic
def create_demo_people(password: str) -> DemoPeople:
    """Make sure the demo people and their teams exist; they sign in with `password`.

    May run any number of times; alice is staff and administers the installation.
    """
    alice, bob, charlie = (_person(name, password) for name in ("alice", "bob", "charlie"))
    people.set_standing(alice, is_active=True, is_staff=True, is_superuser=True)
    demo, other = _team(DEMO_TEAM, alice), _team(OTHER_TEAM, charlie)
    if not Membership.objects.filter(team=demo, user=bob).exists():
        teams.add_member(demo, bob, Role.MEMBER)
    return DemoPeople(alice, bob, charlie, demo, other)


def _person(username: str, password: str) -> User:
    person = User.objects.filter(username=username).first()
    if person is None:
        person = people.create_person(username, password, email=f"{username}@example.com")
    elif not person.check_password(password):
        person.set_password(password)
        person.save()
    return person


def _team(name: str, owner: User) -> Team:
    # Whatever it is called by now: a demo that was renamed is not made a second time.
    owned = Membership.objects.filter(user=owner, role=Role.OWNER, team__personal=False)
    first = owned.select_related("team").order_by("id").first()
    return first.team if first is not None else teams.open_team(name, owner)
