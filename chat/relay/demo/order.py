"""What a chat request asks for, read from its JSON body."""

import re
from typing import Any

import msgspec

_CONTINUE = re.compile(r"continue your last message\b", re.I)


class _Part(msgspec.Struct):
    text: str = ""


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _Body(msgspec.Struct):
    model: str
    messages: list[_Message]
    stream: bool = False
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stream_options: _StreamOptions | None = None
    x_tram_script: Any = None


class ChatMessage(msgspec.Struct, frozen=True):
    """A message with its text in one piece."""

    role: str
    content: str


class Order(msgspec.Struct, frozen=True):
    """A chat request as the relay understands it. `script` is what ``x_tram_script`` held."""

    model: str
    messages: tuple[ChatMessage, ...]
    stream: bool
    max_tokens: int | None
    include_usage: bool
    script: Any = None

    @property
    def prompt(self) -> str:
        """The last message of the user, but for a wish that an answer be continued."""
        return next((m.content for m in reversed(self._asked) if m.role == "user"), "")

    @property
    def prefix(self) -> str:
        """The beginning of the answer, if the client sent one back to be continued."""
        last = self._asked[-1]
        return last.content if last.role == "assistant" else ""

    @property
    def _asked(self) -> tuple[ChatMessage, ...]:
        if len(self.messages) < 2:
            return self.messages
        cut, last = self.messages[-2:]
        continues = cut.role == "assistant" and last.role == "user"
        return self.messages[:-1] if continues and _CONTINUE.match(last.content) else self.messages


class BadOrder(Exception):
    """The body is not a chat request."""


def read_order(body: bytes | str) -> Order:
    """Read a body; raises `BadOrder` saying what is wrong."""
    try:
        raw = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadOrder(str(error)) from error
    if not raw.messages:
        raise BadOrder("'messages' must not be empty")
    limit = raw.max_tokens if raw.max_completion_tokens is None else raw.max_completion_tokens
    if limit is not None and limit < 1:
        raise BadOrder("'max_tokens' must be at least 1")
    messages = tuple(ChatMessage(m.role, _text(m.content)) for m in raw.messages)
    include_usage = raw.stream_options is not None and raw.stream_options.include_usage
    return Order(raw.model, messages, raw.stream, limit, include_usage, raw.x_tram_script)


def _text(content: str | list[_Part] | None) -> str:
    if isinstance(content, list):
        return "".join(part.text for part in content)
    return content or ""
