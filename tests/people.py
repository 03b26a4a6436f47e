"""The people of every test: Alice owns, Bob is a member, Dana views, Charlie is a stranger."""

from dataclasses import dataclass

from accounts.models import Team, User
from accounts.roles import Role
from accounts.services import people, teams

PASSWORD = "a-password-for-tests-only"


@dataclass(frozen=True)
class Cast:
    """Everybody at once, with the two shared teams."""

    alice: User
    bob: User
    dana: User
    charlie: User
    team: Team
    other_team: Team


def person(username: str, *, password: str = PASSWORD) -> User:
    """Make an ordinary person with a personal team and nothing else."""
    return people.create_person(username, password, email=f"{username}@example.com")


def alice() -> User:
    """Make Alice: staff and administrator."""
    user = person("alice")
    people.set_standing(user, is_active=True, is_staff=True, is_superuser=True)
    return user


def cast() -> Cast:
    """Make everybody: Alice owns `team` with Bob and Dana in it; Charlie owns `other_team`."""
    owner, member, viewer, stranger = alice(), person("bob"), person("dana"), person("charlie")
    team = teams.open_team("Team of Alice", owner)
    teams.add_member(team, member, Role.MEMBER)
    teams.add_member(team, viewer, Role.VIEWER)
    return Cast(
        alice=owner,
        bob=member,
        dana=viewer,
        charlie=stranger,
        team=team,
        other_team=teams.open_team("Team of Charlie", stranger),
    )
