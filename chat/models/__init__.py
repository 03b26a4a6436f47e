"""Tables of conversations, turns and relays, and what must always be true of them."""

from chat.models.attempt import AlertKind, Attempt, AttemptOutcome, RelayAlert
from chat.models.batch import Batch, BatchLine, BatchState, LineState
from chat.models.conversation import Conversation, ConversationSource
from chat.models.journal import JournalChunk
from chat.models.message import Message
from chat.models.node import Handover, Node
from chat.models.relays import (
    ModelAlias,
    ModelSetting,
    ModelVisibility,
    Relay,
    RelayKey,
    Transport,
)
from chat.models.truth import RouteTruth
from chat.models.turn import Turn, TurnRequest, TurnState
from chat.models.waiting import WaitingMessage

__all__ = [
    "AlertKind",
    "Attempt",
    "AttemptOutcome",
    "Batch",
    "BatchLine",
    "BatchState",
    "Conversation",
    "ConversationSource",
    "Handover",
    "JournalChunk",
    "LineState",
    "Message",
    "ModelAlias",
    "ModelSetting",
    "ModelVisibility",
    "Node",
    "Relay",
    "RelayAlert",
    "RelayKey",
    "RouteTruth",
    "Transport",
    "Turn",
    "TurnRequest",
    "TurnState",
    "WaitingMessage",
]
