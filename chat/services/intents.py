"""What a person wants a turn for, as a plain value."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
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
    """One message of the prompt: `role` is system, user or assistant, or what a program says.

    `wire` is the message as JSON where it is more than a role and a text; `content` is then its
    text and `images` the number of its pictures, for counting.
    """

    role: str
    content: str
    wire: str = ""
    images: int = 0


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
    # A program asked for it: nobody waits in line for its end, and it is not resumed.
    is_completion: bool = False
    # Further fields of the relay's request.
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What a program wants one answer for, with the whole prompt.

    `model` is the id that a relay offers, `asked_model` the name as the program wrote it;
    `options` are further fields of the relay's request (`temperature`, `tools`, ...);
    `payload_sha256` tells a repeated request with the same `client_id` from another one. One whose
    id was made up for it `is_new`: it is not looked for.
    """

    client_id: UUID
    model: str
    asked_model: str
    prompt: tuple[PromptMessage, ...]
    payload_sha256: str
    source: Literal["api", "batch"] = "api"
    max_tokens: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    is_new: bool = False

    @property
    def images(self) -> int:
        """The pictures of the prompt."""
        return sum(message.images for message in self.prompt)


READ_BY_THE_MODEL = (
    "tools",
    "functions",
    "response_format",
    "chat_template_kwargs",
    "thinking",
    "reasoning_effort",
    "verbosity",
)
"""Options that become part of the prompt, or may: what a template does with them nobody knows."""


CHOICES = ("tool_choice", "function_call")


def what_options_say(options: Mapping[str, Any]) -> tuple[PromptMessage, ...]:
    """What the options add to the prompt, as a message to count: descriptions of tools, schemas."""
    told = {name: options[name] for name in READ_BY_THE_MODEL if options.get(name)}
    # A choice in one word says nothing; one that names tools may be shown with them.
    told |= {name: said for name in CHOICES if isinstance(said := options.get(name), dict)}
    return (PromptMessage("system", msgspec.json.encode(told).decode()),) if told else ()
