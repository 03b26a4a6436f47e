"""Which of her teams a signed-in person is working in."""

from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase

from accounts.models import Membership
from accounts.policy import NotVisible

SESSION_KEY = "current_team"


def switch_team(session: SessionBase, user_id: int, team_id: UUID) -> None:
    """Make `team_id` the current team of this session.

    Raises:
        NotVisible: the person is not in such a team.
    """
    if not Membership.objects.filter(team_id=team_id, user_id=user_id).exists():
        raise NotVisible
    session[SESSION_KEY] = str(team_id)


def current_team(session: SessionBase) -> UUID | None:
    """Return the team chosen in this session; None if none was, or it is no team's id."""
    try:
        return UUID(session[SESSION_KEY])
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
