"""The browser socket's language, version `tram.v1`: commands in, events out.

Pure Python: every frame is one msgspec struct tagged by `type`; unknown fields are refused. The
JSON Schema in `docs/protocol.schema.json` and the page's TypeScript types are made from these same
structs.
"""

from chat.protocol.codec import BadFrame, decode_command, encode_event
from chat.protocol.commands import (
    Ack,
    Attach,
    Chat,
    Command,
    Continue,
    Detach,
    Edit,
    Interrupt,
    Options,
    Ping,
    Regenerate,
    Typing,
)
from chat.protocol.events import (
    Accepted,
    Attached,
    Chunk,
    ConversationChanged,
    Done,
    Error,
    ErrorCode,
    Event,
    Limits,
    Notice,
    Person,
    Pong,
    Presence,
    Ready,
    Snapshot,
    Stats,
    TeamView,
    TurnError,
    TypingNow,
    Usage,
)

SUBPROTOCOL = "tram.v1"

__all__ = [
    "SUBPROTOCOL",
    "Accepted",
    "Ack",
    "Attach",
    "Attached",
    "BadFrame",
    "Chat",
    "Chunk",
    "Command",
    "Continue",
    "ConversationChanged",
    "Detach",
    "Done",
    "Edit",
    "Error",
    "ErrorCode",
    "Event",
    "Interrupt",
    "Limits",
    "Notice",
    "Options",
    "Person",
    "Ping",
    "Pong",
    "Presence",
    "Ready",
    "Regenerate",
    "Snapshot",
    "Stats",
    "TeamView",
    "TurnError",
    "Typing",
    "TypingNow",
    "Usage",
    "decode_command",
    "encode_event",
]
