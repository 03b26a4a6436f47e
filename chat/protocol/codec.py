"""Frames to commands, events to frames."""

import re
from uuid import UUID

import msgspec

from chat.protocol import commands, events

AnyCommand = (
    commands.Chat
    | commands.Regenerate
    | commands.Edit
    | commands.Continue
    | commands.Interrupt
    | commands.Attach
    | commands.Detach
    | commands.Ack
    | commands.Typing
    | commands.Report
    | commands.Withdraw
    | commands.Ping
)
AnyEvent = (
    events.Ready
    | events.Accepted
    | events.Queued
    | events.Queue
    | events.Attached
    | events.Snapshot
    | events.Chunk
    | events.Notice
    | events.Done
    | events.Error
    | events.ConversationChanged
    | events.Presence
    | events.RoleChanged
    | events.TypingNow
    | events.Pong
)
_event_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_decoder: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
_encoder = msgspec.json.Encoder()
_PATH = re.compile(r" - at `(.+)`$")


class BadFrame(Exception):
    """The frame is not a command of this protocol."""

    code = "bad_frame"

    def __init__(self, message: str, path: str = "$", id: UUID | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.id = id


class _Identified(msgspec.Struct):
    id: UUID | None = None


def _id_of(frame: str | bytes) -> UUID | None:
    """The `id` of a refused frame, so that the client can give the text back to its person."""
    try:
        return msgspec.json.decode(frame, type=_Identified).id
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def decode_command(frame: str | bytes, max_bytes: int) -> AnyCommand:
    """Read one frame of at most `max_bytes` bytes; raises BadFrame with the path of the fault."""
    try:
        size_bytes = len(frame) if isinstance(frame, bytes) else len(frame.encode())
        if size_bytes > max_bytes:
            raise BadFrame(
                f"The frame has {size_bytes} bytes; at most {max_bytes} are allowed.",
                id=_id_of(frame),
            )
        return _decoder.decode(frame)
    except msgspec.ValidationError as error:
        text = str(error)
        found = _PATH.search(text)
        raise BadFrame(_PATH.sub("", text), found[1] if found else "$", _id_of(frame)) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadFrame(f"The frame is not JSON: {error}") from None
    except RecursionError:
        raise BadFrame("The frame is nested too deeply.") from None


def encode_event(event: events.Event) -> str:
    """One text frame."""
    return _encoder.encode(event).decode()


def decode_event(text: str | bytes) -> AnyEvent:
    """The event in a frame that `encode_event` made; raises msgspec.DecodeError for another."""
    return _event_decoder.decode(text)
