"""What a client may ask over the socket."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

ModelName = Annotated[str, Meta(min_length=1, max_length=200)]
Sequence = Annotated[int, Meta(ge=0, le=2**53)]


class Options(Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """How the model should answer; what is left out is the server's default."""

    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    system: Annotated[str, Meta(max_length=20_000)] | None = None


class Command(
    Struct, forbid_unknown_fields=True, frozen=True, tag_field="type", omit_defaults=True
):
    """Any frame from a client."""


class Chat(Command, tag="chat", frozen=True):
    """Start a turn with a new message. `id` makes a repeated send the same turn."""

    id: UUID
    content: str
    model: ModelName | None = None
    conversation: UUID | None = None
    parent: UUID | None = None
    options: Options = Options()
    # Reserved: files are not supported yet, so the list must be empty.
    attachments: Annotated[tuple[UUID, ...], Meta(max_length=0)] = ()


class Regenerate(Command, tag="regenerate", frozen=True):
    """Another answer beside the assistant message `message`."""

    id: UUID
    message: UUID
    model: ModelName | None = None
    options: Options = Options()


class Edit(Command, tag="edit", frozen=True):
    """A sibling of the person's message `message`, and its answer."""

    id: UUID
    message: UUID
    content: str
    model: ModelName | None = None
    options: Options = Options()


class Continue(Command, tag="continue", frozen=True):
    """Go on from the cut assistant message `message`, in a sibling that begins with its text."""

    id: UUID
    message: UUID


class Interrupt(Command, tag="interrupt", frozen=True):
    """Stop a turn. Asking twice is the same as asking once."""

    turn: UUID


class Attach(Command, tag="attach", frozen=True):
    """Watch a conversation; of `turn` send only what follows chunk `after` of `epoch`."""

    conversation: UUID
    turn: UUID | None = None
    epoch: Sequence | None = None
    after: Sequence | None = None


class Detach(Command, tag="detach", frozen=True):
    """Stop watching a conversation. Its turns go on."""

    conversation: UUID


class Ack(Command, tag="ack", frozen=True):
    """Chunks of `turn` up to `seq` are in the client's hands."""

    turn: UUID
    seq: Sequence


class Typing(Command, tag="typing", frozen=True):
    """The person is writing in a conversation."""

    conversation: UUID


class Withdraw(Command, tag="withdraw", frozen=True):
    """Take back a message of one's own that still waits; `id` is that of its `chat`."""

    id: UUID


class Report(Command, tag="report", frozen=True):
    """The text that the client holds is not what `done` said: it has fetched it again. `sha256` is
    of what it held, `characters` its length."""

    turn: UUID
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    characters: Sequence


class Ping(Command, tag="ping", frozen=True):
    """Answered by `pong`."""
