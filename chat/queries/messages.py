"""A conversation's messages, page by page along one path."""

from collections import defaultdict
from uuid import UUID

from django.db.models import Q

from accounts.policy import NotVisible
from chat.models import Conversation, Message
from chat.queries.paths import Step, newest_leaf_below, path_up
from chat.queries.views import MessagePage, MessageView, view_of_conversation, view_of_message

MAX_PAGE_MESSAGES = 200
MAX_PAGE_CHARACTERS = 1_000_000
"""A page of very long messages ends early, with the message that reaches this length."""


def message_page(
    conversation: Conversation,
    leaf: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> MessagePage:
    """Return the newest `limit` (1 to 200) messages of a path, or those above `before` on it.

    The path goes from the root through `leaf` (any message; by default where the conversation
    last went on) and from there by the newest child. The caller has checked the right to read.

    Raises:
        NotVisible: `leaf` or `before` is no message of this conversation.
    """
    end = _end_of_path(conversation, leaf)
    start = end if before is None else _parent_of(conversation, before)
    steps: list[Step] = []
    if start is not None:
        steps = path_up(
            conversation.pk,
            start,
            max_messages=max(1, min(limit, MAX_PAGE_MESSAGES)),
            max_characters=MAX_PAGE_CHARACTERS,
        )
    return MessagePage(
        conversation=view_of_conversation(conversation),
        items=_views(conversation, steps),
        has_more=bool(steps) and steps[0].parent_id is not None,
        leaf=end,
    )


def _end_of_path(conversation: Conversation, leaf: UUID | None) -> UUID | None:
    start = leaf or conversation.leaf_id or _newest_root(conversation)
    if start is None:
        return None
    end = newest_leaf_below(conversation.pk, start)
    if end is None:
        raise NotVisible
    return end


def _newest_root(conversation: Conversation) -> UUID | None:
    roots = Message.objects.filter(conversation=conversation, parent=None)
    return roots.order_by("-number").values_list("id", flat=True).first()


def _parent_of(conversation: Conversation, message_id: UUID) -> UUID | None:
    message = Message.objects.filter(pk=message_id, conversation=conversation).only("parent_id")
    found = message.first()
    if found is None:
        raise NotVisible
    return found.parent_id


def _views(conversation: Conversation, steps: list[Step]) -> tuple[MessageView, ...]:
    messages = Message.objects.select_related("author", "turn").in_bulk([step.id for step in steps])
    siblings = _children_by_parent(conversation, steps)
    return tuple(
        view_of_message(messages[step.id], tuple(siblings[step.parent_id])) for step in steps
    )


def _children_by_parent(
    conversation: Conversation, steps: list[Step]
) -> dict[UUID | None, list[UUID]]:
    parents = [step.parent_id for step in steps if step.parent_id is not None]
    wanted = Q(parent_id__in=parents)
    if len(parents) < len(steps):
        wanted |= Q(conversation=conversation, parent=None)
    rows = Message.objects.filter(wanted).order_by("number").values_list("parent_id", "id")
    children: dict[UUID | None, list[UUID]] = defaultdict(list)
    for parent, child in rows:
        children[parent].append(child)
    return children
