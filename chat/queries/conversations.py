"""Finding conversations: one by its id, or the list of the current team."""

from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.policy import NotVisible, Principal, require
from accounts.roles import Capability
from chat.models import Conversation, ConversationSource, Message
from chat.queries.cursors import Cursor
from chat.queries.views import ConversationPage, view_of_conversation
from chat.search import search_words

MAX_LIST_ITEMS = 100
MAX_PINNED = 50
"""Pinned conversations that stand before the first page."""


def conversation_for(
    principal: Principal,
    conversation_id: UUID,
    capability: Capability = Capability.READ_CONVERSATION,
    *,
    deleted: bool = False,
) -> Conversation:
    """Find a conversation to do with it what `capability` names: the one way, for every door.

    `deleted` looks among the deleted ones instead.

    Raises:
        NotVisible: it does not exist, is of a team the principal is not in, is deleted, or holds
            what a program asked.
        Forbidden: the principal may see it, but not do this.
    """
    by_people = Conversation.objects.filter(source=ConversationSource.PAGE)
    found = by_people.filter(pk=conversation_id, deleted_at__isnull=not deleted).first()
    if found is None:
        raise NotVisible
    require(principal, capability, found.team_id)
    return found


def conversation_list(
    principal: Principal, query: str = "", before: str | None = None, limit: int = 30
) -> ConversationPage:
    """List the current team's conversations, newest first, at most `limit` (1 to 100) a page.

    Pinned ones stand before the first page, whatever their age. With `query`: those whose title,
    or one of whose messages, has all its words; pinned ones are then not special.

    Raises:
        NotVisible, Forbidden: as `require` for reading.
        CursorInvalid: `before` is not the `next` of an earlier page.
    """
    require(principal, Capability.READ_CONVERSATION, principal.team_id)
    limit = max(1, min(limit, MAX_LIST_ITEMS))
    rows = Conversation.objects.filter(
        team_id=principal.team_id, source=ConversationSource.PAGE, deleted_at=None
    )
    pinned: list[Conversation] = []
    words = search_words(query)
    if words:
        rows = _having(rows, words)
    else:
        if before is None:
            pinned = list(rows.exclude(pinned_at=None).order_by("-pinned_at", "id")[:MAX_PINNED])
        rows = rows.filter(pinned_at=None)
    if before is not None:
        rows = _after(rows, Cursor.decode(before))
    # One more than asked for tells whether another page follows.
    found = list(rows.order_by("-updated_at", "id")[: limit + 1])
    page = found[:limit]
    following = Cursor(page[-1].updated_at, page[-1].id) if len(found) > limit else None
    return ConversationPage(
        items=tuple(view_of_conversation(row) for row in [*pinned, *page]),
        next=following and following.encode(),
    )


def _having(rows: QuerySet[Conversation], words: tuple[str, ...]) -> QuerySet[Conversation]:
    """Keep those that have all words in the title, or all in one message.

    `contains` escapes the wildcards of LIKE.
    """
    in_title, in_message = Q(), Q()
    for word in words:
        in_title &= Q(search_title__contains=word)
        in_message &= Q(search_text__contains=word)
    messages = Message.objects.filter(in_message, conversation_id=OuterRef("pk"))
    return rows.filter(in_title | Q(Exists(messages)))


def _after(rows: QuerySet[Conversation], cursor: Cursor) -> QuerySet[Conversation]:
    at: datetime = cursor.at
    # The first condition lets the index seek; the second settles equal moments.
    return rows.filter(updated_at__lte=at).exclude(updated_at=at, id__lte=cursor.id)
