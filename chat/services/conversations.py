"""Changing conversations: rename, pin, archive, delete, and take the deletion back.

Each verb finds the conversation through the principal, changes it and announces it after the
commit; asking for what is already so changes and announces nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.policy import Principal
from accounts.roles import Capability
from chat.models import Conversation, Turn, TurnState, WaitingMessage
from chat.models.conversation import TITLE_CHARACTERS
from chat.queries import conversation_for
from chat.search import fold
from chat.services.announcements import ConversationChange, announce
from chat.services.errors import ContentInvalid
from chat.services.titles import clean_title, title_from

__all__ = ["archive", "delete", "pin", "rename", "restore", "title_from"]


@transaction.atomic
def rename(principal: Principal, conversation_id: UUID, title: str) -> None:
    """Give the conversation another title of 1 to 200 characters.

    Raises:
        NotVisible, Forbidden: as `conversation_for`; so do all verbs here.
        ContentInvalid: the title is empty or too long.
    """
    conversation = _find_to_edit(principal, conversation_id)
    title = clean_title(title)
    if not title:
        raise ContentInvalid(_("A title needs at least one character."), path="$.title")
    if len(title) > TITLE_CHARACTERS:
        message = _("A title has at most %(limit)d characters.") % {"limit": TITLE_CHARACTERS}
        raise ContentInvalid(message, path="$.title", limit_characters=TITLE_CHARACTERS)
    if title == conversation.title:
        return
    columns = {"title": title, "search_title": fold(title)}
    Conversation.objects.filter(pk=conversation.pk).update(**columns)
    _announce(principal, conversation, "title", title=title)


@transaction.atomic
def pin(principal: Principal, conversation_id: UUID, pinned: bool) -> None:
    """Keep the conversation at the top of the list, or no longer."""
    conversation = _find_to_edit(principal, conversation_id)
    if _mark(conversation, "pinned_at", pinned):
        _announce(principal, conversation, "pinned" if pinned else "unpinned")


@transaction.atomic
def archive(principal: Principal, conversation_id: UUID, archived: bool) -> None:
    """Put the conversation away, or take it out again."""
    conversation = _find_to_edit(principal, conversation_id)
    if _mark(conversation, "archived_at", archived):
        _announce(principal, conversation, "archived" if archived else "unarchived")


@transaction.atomic
def delete(principal: Principal, conversation_id: UUID) -> tuple[UUID, ...]:
    """Hide the conversation from everybody; `restore` brings it back.

    Turns that still run in it cost money: their owners are asked to stop them. Returns them.
    Messages that wait in it are dropped.
    """
    conversation = conversation_for(principal, conversation_id, Capability.DELETE_CONVERSATION)
    running = Turn.objects.filter(conversation=conversation, state=TurnState.RUNNING)
    stopped = tuple(running.values_list("id", flat=True))
    running.filter(interrupt_requested_at=None).update(
        interrupt_requested_at=Now(), interrupted_by=principal.user_id
    )
    WaitingMessage.objects.filter(conversation=conversation).delete()
    if _mark(conversation, "deleted_at", True):
        _announce(principal, conversation, "deleted", running_turns=stopped)
    return stopped


@transaction.atomic
def restore(principal: Principal, conversation_id: UUID) -> None:
    """Bring a deleted conversation back. NotVisible if it is not deleted."""
    conversation = conversation_for(
        principal, conversation_id, Capability.DELETE_CONVERSATION, deleted=True
    )
    if _mark(conversation, "deleted_at", False):
        _announce(principal, conversation, "restored")


def _find_to_edit(principal: Principal, conversation_id: UUID) -> Conversation:
    return conversation_for(principal, conversation_id, Capability.EDIT_CONVERSATION)


def _mark(conversation: Conversation, column: str, wanted: bool) -> bool:
    """Set or clear a moment; false if somebody did so before."""
    still_otherwise = Conversation.objects.filter(
        **{"pk": conversation.pk, f"{column}__isnull": wanted}
    )
    values: Mapping[str, datetime | None] = {column: timezone.now() if wanted else None}
    return bool(still_otherwise.update(**values))


def _announce(
    principal: Principal, conversation: Conversation, change: Any, **details: Any
) -> None:
    announce(
        ConversationChange(
            conversation_id=conversation.pk,
            team_id=conversation.team_id,
            by_user_id=principal.user_id,
            change=change,
            **details,
        )
    )
