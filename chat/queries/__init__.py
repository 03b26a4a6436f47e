"""Use cases that read: synchronous, scoped by the principal, plain frozen values out."""

from chat.queries.conversations import conversation_for, conversation_list
from chat.queries.cursors import CursorInvalid
from chat.queries.messages import message_page
from chat.queries.views import (
    ConversationPage,
    ConversationView,
    MessagePage,
    MessageView,
    TurnView,
    stats_of,
    view_of_conversation,
)

__all__ = [
    "ConversationPage",
    "ConversationView",
    "CursorInvalid",
    "MessagePage",
    "MessageView",
    "TurnView",
    "conversation_for",
    "conversation_list",
    "message_page",
    "stats_of",
    "view_of_conversation",
]
