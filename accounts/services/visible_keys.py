"""Which API keys somebody may see and revoke: her own, and all of the teams she manages."""

from typing import Literal

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.errors import KeyDead
from accounts.models import APIKey, Membership
from accounts.policy import NotVisible, Principal, allows
from accounts.roles import Capability
from accounts.services.audit import Actor
from accounts.services.keys import revoke_api_key

KeyState = Literal["active", "idle", "expired", "revoked"]


def visible_keys(principal: Principal) -> QuerySet[APIKey]:
    """The keys that somebody may see, with person, team, and whether they belong together still
    (`in_team`); a program sees none, whatever its key may do."""
    if principal.via != "session":
        return APIKey.objects.none()
    managed = [
        team_id for team_id in principal.roles if allows(principal, Capability.MANAGE_TEAM, team_id)
    ]
    found = APIKey.objects.filter(Q(user_id=principal.user_id) | Q(team_id__in=managed))
    member = Membership.objects.filter(team_id=OuterRef("team_id"), user_id=OuterRef("user_id"))
    return found.select_related("user", "team").annotate(in_team=Exists(member))


def key_for(principal: Principal, key_id: int) -> APIKey:
    """One key that somebody may see and revoke. Raises NotVisible."""
    # More digits than a column has are no number for a database.
    found = visible_keys(principal).filter(pk=key_id).first() if key_id < 2**63 else None
    if found is None:
        raise NotVisible
    return found


def own_key(principal: Principal, key_id: int) -> APIKey:
    """A key of her own that works still. Raises NotVisible, KeyDead."""
    key = key_for(principal, key_id)
    if key.user_id != principal.user_id:
        raise NotVisible
    if state_of(key) in ("expired", "revoked"):
        raise KeyDead
    return key


def revoke_visible_key(principal: Principal, key_id: int, *, actor: Actor | None) -> APIKey:
    """Revoke a key for good, at once; a second time changes nothing. Raises NotVisible."""
    key = key_for(principal, key_id)
    revoke_api_key(key, actor=actor)
    return key


def state_of(key: APIKey) -> KeyState:
    """How a key stands. It is `idle` while its person is disabled or not in its team any more."""
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= timezone.now():
        return "expired"
    if not key.user.is_active or not getattr(key, "in_team", True):
        return "idle"
    return "active"
