"""What a person should know about herself and her team."""

from uuid import UUID

from msgspec import Struct

from accounts.models import Membership, User
from accounts.policy import Principal, require
from accounts.roles import CAPABILITIES, Capability, Role
from billing.budgets import budget_of
from chat.protocol import TeamView


class Me(Struct, frozen=True):
    """The person who is signed in."""

    id: int
    username: str
    name: str
    is_staff: bool


class Standing(Struct, frozen=True):
    """Who somebody is here. `team` is the current one of `teams`; null without any."""

    user: Me
    team: TeamView | None
    teams: tuple[TeamView, ...]


class Budget(Struct, frozen=True):
    """The current team's budget in nano-USD, and the names of those who can raise it."""

    granted_nano_usd: int
    spent_nano_usd: int
    held_nano_usd: int
    remaining_nano_usd: int
    soft_limit_percent: int
    raisers: tuple[str, ...]


def standing_of(principal: Principal) -> Standing:
    """Return who `principal` is, in every team the credential reaches."""
    user = User.objects.get(pk=principal.user_id)
    memberships = Membership.objects.filter(
        user_id=principal.user_id, team_id__in=principal.roles.keys()
    )
    rows = memberships.select_related("team").order_by("team__personal", "team__name", "id")
    teams = tuple(TeamView(row.team_id, row.team.name, row.role) for row in rows)
    return Standing(
        user=Me(user.pk, user.username, user.display_name, principal.is_staff),
        team=next((team for team in teams if team.id == principal.team_id), None),
        teams=teams,
    )


def budget_for(principal: Principal) -> Budget:
    """Return the current team's budget. Raises as `require` for seeing bills."""
    require(principal, Capability.VIEW_BILLING, principal.team_id)
    budget = budget_of(principal.team_id)
    return Budget(
        granted_nano_usd=budget.granted_nano_usd,
        spent_nano_usd=budget.spent_nano_usd,
        held_nano_usd=budget.held_nano_usd,
        remaining_nano_usd=budget.remaining_nano_usd,
        soft_limit_percent=budget.soft_limit_percent,
        raisers=_raisers(principal.team_id),
    )


def _raisers(team_id: UUID) -> tuple[str, ...]:
    roles = [role for role in Role if Capability.MANAGE_BUDGET in CAPABILITIES[role]]
    people = User.objects.filter(
        is_active=True, memberships__team_id=team_id, memberships__role__in=roles
    )
    return tuple(person.display_name for person in people.order_by("memberships__id"))
