"""Titles of conversations, for those who may read them."""

from collections.abc import Collection
from uuid import UUID

from accounts.models import User
from accounts.policy import Principal, allows
from accounts.roles import Capability
from chat.models import Conversation

REVIEW = "chat.view_conversation"
IDS_AT_ONCE = 5_000


def titles_of(ids: Collection[UUID], principal: Principal) -> dict[UUID, str]:
    """The titles among these that a person may read: those of her teams, or, for staff that
    reviews conversations in the administration, of all. Deleted ones have none."""
    rows = Conversation.objects.filter(deleted_at=None)
    if not _reviews(principal):
        read = Capability.READ_CONVERSATION
        rows = rows.filter(
            team_id__in=[id for id in principal.roles if allows(principal, read, id)]
        )
    wanted = list(ids)
    found: dict[UUID, str] = {}
    for start in range(0, len(wanted), IDS_AT_ONCE):
        some = rows.filter(pk__in=wanted[start : start + IDS_AT_ONCE])
        found.update(some.values_list("pk", "title"))
    return found


def _reviews(principal: Principal) -> bool:
    if not principal.is_staff or principal.via != "session":
        return False
    user = User.objects.filter(pk=principal.user_id, is_active=True).first()
    return user is not None and user.has_perm(REVIEW)
