"""`POST /api/chat/stream`: answers over plain HTTP, for programs and for pages whose socket is
blocked on the way."""

from chat.streams.application import StreamDoor

__all__ = ["StreamDoor"]
