"""The messages that wait in conversations, as those who watch see them."""

from collections.abc import Collection
from uuid import UUID

import msgspec

from chat import protocol
from chat.models import WaitingMessage
from chat.protocol import Person, Refusal

Lines = dict[UUID, tuple[protocol.WaitingMessage, ...]]


def lines_of(conversation_ids: Collection[UUID]) -> Lines:
    """Of each of these conversations the messages that wait, the next one first."""
    lines: dict[UUID, list[protocol.WaitingMessage]] = {id: [] for id in conversation_ids}
    rows = WaitingMessage.objects.filter(conversation__in=lines, conversation__deleted_at=None)
    for row in rows.select_related("requester").order_by("id"):
        author = Person(row.requester.pk, row.requester.display_name)
        lines[row.conversation_id].append(
            protocol.WaitingMessage(
                row.client_id, author, row.content, row.created_at, _refusal_of(row)
            )
        )
    return {id: tuple(line) for id, line in lines.items()}


def _refusal_of(row: WaitingMessage) -> Refusal | None:
    return None if row.refused is None else msgspec.json.decode(row.refused, type=Refusal)
