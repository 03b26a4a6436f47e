"""From a proven credential to the principal who acts."""

from uuid import UUID

from accounts.models import APIKey, Membership, User
from accounts.policy import NO_TEAM, Principal
from accounts.roles import Capability, Role
from accounts.services import keys


def principal_for_user(
    user: User, team_id: UUID | None = None, *, session_key: str = ""
) -> Principal:
    """Return who `user` is in all her teams, with `team_id` as the current one.

    Without it, or if she is not in it: her oldest shared team, else her personal one.
    """
    rows = (
        Membership.objects.filter(user_id=user.pk)
        .order_by("team__personal", "id")
        .values_list("team_id", "role")
    )
    roles = {team: Role(role) for team, role in rows}
    current = team_id if team_id in roles else next(iter(roles), NO_TEAM)
    assert current is not None
    return Principal(
        user_id=user.pk,
        username=user.username,
        team_id=current,
        roles=roles,
        auth_version=user.auth_version,
        via="session",
        is_staff=user.is_staff,
        credential=session_key,
    )


def principal_for_api_key(secret: str) -> Principal | None:
    """Return who acts with the key `secret`; None if it is unknown, revoked, expired or idle."""
    key = keys.find_api_key(secret)
    if key is None:
        return None
    principal = _principal_of(key)
    if principal is not None:
        keys.touch(key)
    return principal


def principal_for_key_id(key_id: int) -> Principal | None:
    """Look again at a key that was proven before."""
    key = APIKey.objects.select_related("user").filter(pk=key_id).first()
    return _principal_of(key) if key is not None and keys.is_usable(key) else None


def _principal_of(key: APIKey) -> Principal | None:
    membership = Membership.objects.filter(team_id=key.team_id, user_id=key.user_id).first()
    if membership is None:
        return None
    known = {capability.value: capability for capability in Capability}
    return Principal(
        user_id=key.user_id,
        username=key.user.username,
        team_id=key.team_id,
        roles={key.team_id: Role(membership.role)},
        auth_version=key.user.auth_version,
        via="api_key",
        # A key never opens staff doors, whoever made it.
        is_staff=False,
        capabilities=frozenset(known[scope] for scope in key.scopes if scope in known),
        credential=str(key.pk),
        models=frozenset(key.model_names) if key.model_names else None,
    )
