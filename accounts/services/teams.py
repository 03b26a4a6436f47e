"""Teams: opening them, who is in them, and with which role."""

from uuid import UUID

from django.db import transaction

from accounts.errors import AlreadyMember, LastOwner, NotAMember, PersonalTeam
from accounts.models import APIKey, Membership, Team, User
from accounts.roles import CAPABILITIES, Role
from accounts.services import keys
from accounts.services.audit import Actor, record
from accounts.services.rights import shrink
from accounts.signals import RightsChange, announce


@transaction.atomic
def open_team(name: str, owner: User, *, actor: Actor | None = None) -> Team:
    """Create a shared team owned by `owner`."""
    team = Team.objects.create(name=name)
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    record(actor, "team_opened", team, owner=owner.username)
    announce(RightsChange(owner.pk, "member_added"))
    return team


@transaction.atomic
def add_member(
    team: Team, person: User, role: Role = Role.MEMBER, *, actor: Actor | None = None
) -> Membership:
    """Put `person` into `team`.

    Raises:
        PersonalTeam: nobody joins a personal team.
        AlreadyMember: her role can be changed, not added again.
    """
    if _lock(team.pk).personal:
        raise PersonalTeam
    membership, created = Membership.objects.get_or_create(
        team=team, user=person, defaults={"role": role}
    )
    if not created:
        raise AlreadyMember
    record(actor, "member_added", team, person=person.username, role=role.value)
    announce(RightsChange(person.pk, "member_added"))
    return membership


@transaction.atomic
def change_role(team: Team, person: User, role: Role, *, actor: Actor | None = None) -> None:
    """Give `person` another role in `team`; the same role again changes nothing.

    Raises:
        NotAMember: she is not in the team.
        LastOwner: the team would have no active owner.
        PersonalTeam: the owner of a personal team stays its owner.
    """
    locked = _lock(team.pk)
    membership = _membership(locked, person)
    old = Role(membership.role)
    if old == role:
        return
    if locked.personal:
        raise PersonalTeam
    if old == Role.OWNER:
        _refuse_last_owner(locked.pk, person)
    membership.role = role
    membership.save(update_fields=["role"])
    record(actor, "role_changed", team, person=person.username, old=old.value, new=role.value)
    if CAPABILITIES[old] <= CAPABILITIES[role]:
        announce(RightsChange(person.pk, "role_changed"))
    else:
        shrink(person.pk, "role_changed")


@transaction.atomic
def remove_member(team: Team, person: User, *, actor: Actor | None = None) -> None:
    """Take `person` out of `team` and revoke the API keys she made for it.

    Raises:
        NotAMember: she is not in the team.
        LastOwner: the team would have no active owner.
        PersonalTeam: nobody leaves a personal team.
    """
    locked = _lock(team.pk)
    membership = _membership(locked, person)
    if locked.personal:
        raise PersonalTeam
    if membership.role == Role.OWNER:
        _refuse_last_owner(locked.pk, person)
    for key in APIKey.objects.filter(team=locked, user=person, revoked_at=None):
        keys.revoke_api_key(key, actor=actor)
    membership.delete()
    record(actor, "member_removed", team, person=person.username, role=str(membership.role))
    shrink(person.pk, "member_removed")


def refuse_ownerless(team: Team) -> None:
    """Raise LastOwner if `team` has no active owner, as after storing it by hand."""
    owners = Membership.objects.filter(team=team, role=Role.OWNER, user__is_active=True)
    if not owners.exists():
        raise LastOwner


def refuse_orphaned_teams(person: User) -> None:
    """Refuse if a shared team would have no active owner without `person`.

    Runs inside the caller's transaction and locks her shared teams until it ends.

    Raises:
        LastOwner: with the name of the team.
    """
    owned = Membership.objects.filter(user=person, role=Role.OWNER, team__personal=False)
    # Always in the same order, or two people disabled at once could wait for each other.
    for team_id in owned.order_by("team_id").values_list("team_id", flat=True):
        _lock(team_id)
        _refuse_last_owner(team_id, person)


def _lock(team_id: UUID) -> Team:
    # Every change of a team's people takes this lock first, so that counting owners is safe.
    return Team.objects.select_for_update().get(pk=team_id)


def _membership(team: Team, person: User) -> Membership:
    membership = Membership.objects.filter(team=team, user=person).first()
    if membership is None:
        raise NotAMember
    return membership


def _refuse_last_owner(team_id: UUID, leaving: User) -> None:
    others = Membership.objects.filter(
        team_id=team_id, role=Role.OWNER, user__is_active=True
    ).exclude(user=leaving)
    if not others.exists():
        raise LastOwner
