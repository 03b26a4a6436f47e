"""The browser socket: one consumer per connection parses, asks, calls one verb, renders."""

from chat.consumers.consumer import ChatConsumer

__all__ = ["ChatConsumer"]
