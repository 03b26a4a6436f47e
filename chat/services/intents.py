"""What a person wants a turn for, as a plain value."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

import msgspec


@dataclass(frozen=True, slots=True)
class Intent:
    """A request for one turn.

    `target_id` is the message that is regenerated, edited or continued; `content` the new text of a
    chat or edit. No model means: as the conversation has, else the installation's default.
    """

    kind: Literal["chat", "regenerate", "edit", "continue"]
    client_id: UUID
    conversation_id: UUID | None = None
    parent_id: UUID | None = None
    target_id: UUID | None = None
    content: str = ""
    # The id that a relay offers, and the name as the client wrote it (perhaps an alias).
    model: str | None = None
    asked_model: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    system: str | None = None

    @property
    def sha256(self) -> str:
        """Hash of what the client sent, but for the id: the same id must bring the same hash."""
        fields = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in ("client_id", "model")
        }
        return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()


@dataclass(frozen=True, slots=True)
class Models:
    """What the relays offer, as far as admission needs it: the model of a new conversation, and by
    model the relay that answers for it and how many tokens prompt and answer may have together,
    where that is known.

    `aliases` are other names for models, which hold where the name itself is not offered. None
    for `offered`: it is not known what is, and nothing is refused for it.
    """

    default: str = ""
    context_tokens: Mapping[str, int] = field(default_factory=dict)
    relay_names: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    offered: frozenset[str] | None = None
    forbidden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One message of the prompt: `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """A stored turn. `created` is false when the same send came before."""

    turn_id: UUID
    conversation_id: UUID
    team_id: UUID
    user_message_id: UUID | None
    assistant_message_id: UUID
    epoch: int
    model: str
    hold_nano_usd: int
    state: str
    requester_id: int
    created: bool
    # The process that runs it.
    node: str = ""
    new_conversation: bool = False
    title: str = ""
    max_tokens: int = 0
    temperature: float | None = None
    top_p: float | None = None
    input_nano_usd_per_million: int = 0
    output_nano_usd_per_million: int = 0
    markup_basis_points: int = 0
    # What goes to the relay; empty when the turn already ran.
    prompt: tuple[PromptMessage, ...] = field(default=(), repr=False)
    # Text the answer begins with: the cut answer that is continued.
    prefix: str = field(default="", repr=False)
