"""The body of a request for an answer: the same on every transport."""

from __future__ import annotations

from typing import Any

import msgspec

from chat.relay.types import ChatRequest, RelayMessage


def encode_request(request: ChatRequest) -> bytes:
    """Return the body of a chat completion: also the first frame on a WebSocket."""
    body: dict[str, Any] = {
        **request.extra,
        "model": request.model,
        "messages": [_on_the_wire(message) for message in request.messages],
        "max_tokens": request.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:  # a lone surrogate in somebody's text
        body["messages"] = [
            _on_the_wire(message, message.content.encode("utf-8", "replace").decode())
            for message in request.messages
        ]
        return msgspec.json.encode(body)


def _on_the_wire(message: RelayMessage, text: str | None = None) -> Any:
    if message.wire:
        return msgspec.Raw(message.wire.encode())
    return {"role": message.role, "content": message.content if text is None else text}
