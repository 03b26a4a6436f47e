"""The JSON around a delta: chunks of one answer, encoded ahead as far as possible."""

import time
from typing import Any

import msgspec

_encode = msgspec.json.encode
_BLANK = "\x00"


class Envelope:
    """Makes the chunks of one answer; each is the bytes of a ``chat.completion.chunk``."""

    def __init__(self, request_id: str, model: str) -> None:
        self._common: dict[str, Any] = {
            "id": f"chatcmpl-{request_id}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }
        self.content_frame = self._split("content")
        self._reasoning_frame = self._split("reasoning_content")

    def rename(self, model: str) -> None:
        """Name another model from here on."""
        self._common["model"] = model
        self.content_frame = self._split("content")
        self._reasoning_frame = self._split("reasoning_content")

    def _split(self, field: str) -> tuple[bytes, bytes]:
        before, after = self._choice({field: _BLANK}, None).split(_encode(_BLANK))
        return before, after

    def _choice(self, delta: dict[str, Any], finish_reason: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return _encode(self._common | {"choices": [choice]})

    def opening(self) -> bytes:
        """Make the first chunk: the role and no content."""
        return self._choice({"role": "assistant", "content": ""}, None)

    def content(self, text: str) -> bytes:
        """Make a chunk with content."""
        before, after = self.content_frame
        return before + _encode(text) + after

    def reasoning(self, text: str) -> bytes:
        """Make a chunk with reasoning."""
        before, after = self._reasoning_frame
        return before + _encode(text) + after

    def call(self, function: dict[str, str], id: str | None = None) -> bytes:
        """Make a chunk with a piece of a tool's call; the first one names its id."""
        head = {} if id is None else {"id": id, "type": "function"}
        return self._choice({"tool_calls": [{"index": 0, **head, "function": function}]}, None)

    def finish(self, reason: str) -> bytes:
        """Make the chunk with the finish reason."""
        return self._choice({}, reason)

    def usage(self, usage: dict[str, Any]) -> bytes:
        """Make the chunk with the usage and no choices."""
        return _encode(self._common | {"choices": [], "usage": usage})

    def whole(
        self, content: str, reasoning: str, finish_reason: str | None, usage: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Make the body of an answer that was not streamed."""
        message = {"role": "assistant", "content": content}
        if reasoning:
            message["reasoning_content"] = reasoning
        choice = {"index": 0, "message": message, "finish_reason": finish_reason}
        body = self._common | {"object": "chat.completion", "choices": [choice]}
        return body if usage is None else body | {"usage": usage}
