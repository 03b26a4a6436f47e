"""Tables of conversations and turns, and what must always be true of them."""

from chat.models.conversation import Conversation
from chat.models.journal import JournalChunk
from chat.models.message import Message
from chat.models.turn import Turn, TurnState

__all__ = ["Conversation", "JournalChunk", "Message", "Turn", "TurnState"]
