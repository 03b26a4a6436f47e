"""Conversations to test with, written straight into the tables."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.utils import timezone

from accounts.models import Team, User
from chat.models import Conversation, Message, Turn, TurnState
from chat.search import fold


def conversation(
    team: Team, owner: User, title: str = "", *, updated_at: datetime | None = None
) -> Conversation:
    return Conversation.objects.create(
        team=team, owner=owner, title=title, updated_at=updated_at or timezone.now()
    )


def conversations(team: Team, owner: User, titles: Iterable[str]) -> list[Conversation]:
    """One after the other, each a minute younger than the one before."""
    start = timezone.now() - timedelta(days=1)
    return [
        conversation(team, owner, title, updated_at=start + timedelta(minutes=minute))
        for minute, title in enumerate(titles)
    ]


def say(
    where: Conversation, content: str, *, parent: Message | None = None, role: str = "user"
) -> Message:
    last = where.messages.order_by("-number").values_list("number", flat=True).first() or 0
    return Message.objects.create(
        conversation=where,
        parent=parent,
        number=last + 1,
        role=role,
        author=where.owner if role == "user" else None,
        content=content,
        search_text=fold(content),
    )


def answer(
    where: Conversation,
    question: Message,
    content: str = "An answer.",
    state: str = TurnState.COMPLETED,
    **columns: object,
) -> Turn:
    message = say(where, content, parent=question, role="assistant")
    values: dict[str, object] = {
        "conversation": where,
        "team": where.team,
        "requester": where.owner,
        "user_message": question,
        "assistant_message": message,
        "client_id": uuid4(),
        "payload_sha256": "0" * 64,
        "state": state,
        "model": "gpt-4.1",
        "max_tokens": 256,
        "hold_nano_usd": 1000,
    }
    return Turn.objects.create(**{**values, **columns})


def long_conversation(team: Team, owner: User, messages: int) -> tuple[Conversation, list[UUID]]:
    """A conversation without branches; returns its ids from the root to the leaf."""
    where = conversation(team, owner, "A long one")
    ids = [uuid4() for _ in range(messages)]
    Message.objects.bulk_create(
        Message(
            id=id_,
            conversation=where,
            parent_id=ids[number - 1] if number else None,
            number=number + 1,
            role="assistant" if number % 2 else "user",
            content=f"Message {number}. " + "words " * 50,
        )
        for number, id_ in enumerate(ids)
    )
    where.leaf_id = ids[-1]
    where.save(update_fields=["leaf"])
    return where, ids
