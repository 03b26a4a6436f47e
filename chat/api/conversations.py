"""Doors to conversations and their messages."""

from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from chat.api.credentials import principal_of
from chat.queries import (
    ConversationPage,
    ConversationView,
    MessagePage,
    conversation_for,
    conversation_list,
    message_page,
    view_of_conversation,
)
from chat.queries.conversations import MAX_LIST_ITEMS
from chat.queries.messages import MAX_PAGE_MESSAGES
from chat.services import conversations

MAX_QUERY_CHARACTERS = 200

router = Router()


class ListFilter(Schema):
    """What part of the list is asked for."""

    query: str = Field("", max_length=MAX_QUERY_CHARACTERS)
    before: str | None = Field(None, max_length=200)
    limit: int = Field(30, ge=1, le=MAX_LIST_ITEMS)


class PageFilter(Schema):
    """What part of a path is asked for."""

    leaf: UUID | None = None
    before: UUID | None = None
    limit: int = Field(50, ge=1, le=MAX_PAGE_MESSAGES)


class Changes(Schema):
    """What is to change; what is left out stays."""

    # Strict: 0 is no "not archived".
    model_config = ConfigDict(extra="forbid", strict=True)

    title: str | None = None
    pinned: bool | None = None
    archived: bool | None = None


@router.get("")
def list_conversations(request: HttpRequest, filters: Query[ListFilter]) -> ConversationPage:
    """List or search the current team's conversations."""
    principal = principal_of(request)
    return conversation_list(principal, filters.query, filters.before, filters.limit)


@router.get("/{conversation_id}")
def show(request: HttpRequest, conversation_id: UUID) -> ConversationView:
    """Show one conversation without its messages."""
    return view_of_conversation(conversation_for(principal_of(request), conversation_id))


@router.patch("/{conversation_id}")
def change(request: HttpRequest, conversation_id: UUID, changes: Changes) -> ConversationView:
    """Rename, pin or archive a conversation: all that is asked for, or nothing."""
    principal = principal_of(request)
    with transaction.atomic():
        if changes.title is not None:
            conversations.rename(principal, conversation_id, changes.title)
        if changes.pinned is not None:
            conversations.pin(principal, conversation_id, changes.pinned)
        if changes.archived is not None:
            conversations.archive(principal, conversation_id, changes.archived)
    return view_of_conversation(conversation_for(principal, conversation_id))


@router.delete("/{conversation_id}")
def delete(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Delete a conversation; `restore` takes it back."""
    conversations.delete(principal_of(request), conversation_id)
    return HttpResponse(status=204)


@router.post("/{conversation_id}/restore")
def restore(request: HttpRequest, conversation_id: UUID) -> ConversationView:
    """Take a deletion back."""
    principal = principal_of(request)
    conversations.restore(principal, conversation_id)
    return view_of_conversation(conversation_for(principal, conversation_id))


@router.get("/{conversation_id}/messages")
def messages(
    request: HttpRequest, conversation_id: UUID, filters: Query[PageFilter]
) -> MessagePage:
    """Show a stretch of one path through the conversation."""
    conversation = conversation_for(principal_of(request), conversation_id)
    return message_page(conversation, filters.leaf, filters.before, filters.limit)
