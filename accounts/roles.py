"""What a person may be in a team, and what can be permitted."""

from enum import Enum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """A person's standing in one team."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MEMBER = "member", _("Member")
    VIEWER = "viewer", _("Viewer")


class Capability(Enum):
    """One thing a principal may or may not do in a team. Every door asks for exactly one."""

    READ_CONVERSATION = "read_conversation"
    VIEW_BILLING = "view_billing"
    SEND_MESSAGE = "send_message"
    INTERRUPT_TURN = "interrupt_turn"
    EDIT_CONVERSATION = "edit_conversation"
    DELETE_CONVERSATION = "delete_conversation"
    SHARE_CONVERSATION = "share_conversation"
    CREATE_API_KEY = "create_api_key"
    MANAGE_BUDGET = "manage_budget"
    MANAGE_TEAM = "manage_team"
    MANAGE_OWNERS = "manage_owners"


_READ = frozenset({Capability.READ_CONVERSATION, Capability.VIEW_BILLING})
_CHAT = _READ | {
    Capability.SEND_MESSAGE,
    Capability.INTERRUPT_TURN,
    Capability.EDIT_CONVERSATION,
    Capability.DELETE_CONVERSATION,
}
_PUBLISH = frozenset({Capability.SHARE_CONVERSATION, Capability.CREATE_API_KEY})
_MANAGE = frozenset({Capability.MANAGE_BUDGET, Capability.MANAGE_TEAM})

CAPABILITIES: dict[Role, frozenset[Capability]] = {
    Role.VIEWER: _READ,
    Role.MEMBER: _CHAT | _PUBLISH,
    Role.ADMIN: _CHAT | _PUBLISH | _MANAGE,
    Role.OWNER: frozenset(Capability),
}
"""What each role may do: a viewer reads, a member chats, an admin manages, an owner does all."""

API_KEY_CAPABILITIES: frozenset[Capability] = _CHAT
"""The most an API key can carry: a leaked key must not raise budgets, change teams or make keys."""


def assignable_roles(giver: Role) -> frozenset[Role]:
    """Return the roles a person of role `giver` may give or take away: none above her own."""
    if Capability.MANAGE_TEAM not in CAPABILITIES[giver]:
        return frozenset()
    if Capability.MANAGE_OWNERS in CAPABILITIES[giver]:
        return frozenset(Role)
    return frozenset(Role) - {Role.OWNER}
