"""Walking the tree of messages in the database, on SQLite and PostgreSQL alike.

Both walks go from node to node by an index, so they cost what they walk and not what the
conversation holds. `chat.tree` says the same over plain values.
"""

from typing import NamedTuple
from uuid import UUID

from django.db import connection

# At each step the newest child. The walk ends at a row without an id.
_DOWN_SQL = """
WITH RECURSIVE down(id, depth) AS (
    SELECT id, 0 FROM chat_message WHERE id = %s AND conversation_id = %s
  UNION ALL
    SELECT (SELECT child.id FROM chat_message child WHERE child.parent_id = down.id
            ORDER BY child.number DESC LIMIT 1),
           down.depth + 1
    FROM down WHERE down.id IS NOT NULL
)
SELECT id FROM down WHERE id IS NOT NULL ORDER BY depth DESC LIMIT 1
"""

_UP_SQL = """
WITH RECURSIVE up(id, parent_id, steps, characters) AS (
    SELECT id, parent_id, 1, LENGTH(content) + LENGTH(reasoning)
    FROM chat_message WHERE id = %s AND conversation_id = %s
  UNION ALL
    SELECT above.id, above.parent_id, up.steps + 1,
           up.characters + LENGTH(above.content) + LENGTH(above.reasoning)
    FROM chat_message above JOIN up ON above.id = up.parent_id
    WHERE up.steps < %s AND up.characters < %s
)
SELECT id, parent_id FROM up ORDER BY steps DESC
"""


class Step(NamedTuple):
    """A message on a path, and the one above it."""

    id: UUID
    parent_id: UUID | None


def newest_leaf_below(conversation_id: UUID, message_id: UUID) -> UUID | None:
    """Go down from a message by always the newest child; None if it is not in the conversation."""
    rows = _rows(_DOWN_SQL, [_key(message_id), _key(conversation_id)])
    return _uuid(rows[0][0]) if rows else None


def path_up(
    conversation_id: UUID, message_id: UUID, *, max_messages: int, max_characters: int
) -> list[Step]:
    """Return the path that ends in a message, oldest first.

    Only its newest `max_messages`; and the walk stops after the message with which the text
    reaches `max_characters`.
    """
    bounds = [max_messages, max_characters]
    rows = _rows(_UP_SQL, [_key(message_id), _key(conversation_id), *bounds])
    return [Step(_uuid(row[0]), _uuid(row[1]) if row[1] else None) for row in rows]


def _rows(sql: str, parameters: list[str | int | UUID]) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def _key(value: UUID) -> str | UUID:
    # SQLite holds ids as text without dashes.
    return value if connection.features.has_native_uuid_field else value.hex


def _uuid(value: object) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))
