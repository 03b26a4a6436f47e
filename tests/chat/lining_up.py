"""Sending messages that wait, and letting them go."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from accounts.policy import Principal
from chat.models import Message
from chat.services.advancing import send_next
from chat.services.intents import Admitted, Intent, Models
from chat.services.waiting import InLine, send
from tests.chat.admitting import MODEL, wish

MODELS = Models(MODEL)
OnCommit = Callable[..., AbstractContextManager[object]]


def ask(who: Principal, intent: Intent | None = None, **fields: Any) -> Admitted | InLine:
    """Send a message, which may have to wait."""
    return send(who, intent or wish(**fields), models=MODELS, node="here")


def line_up(who: Principal, turn: Admitted, content: str = "Next", **fields: Any) -> InLine:
    """Send a message below an answer that is being written."""
    found = {"conversation_id": turn.conversation_id, "parent_id": turn.assistant_message_id}
    waiting = ask(who, content=content, **(found | fields))
    assert isinstance(waiting, InLine)
    return waiting


def advance(turn: Admitted, models: Models = MODELS) -> Admitted:
    """Let the next one go."""
    return send_next(turn.conversation_id, models=models, node="there")


def question_of(turn: Admitted) -> Message:
    """The message that a turn answers."""
    return Message.objects.get(answering_turns=turn.turn_id)
