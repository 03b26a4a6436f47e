"""Reading what a client or the parser makes of an answer."""

from __future__ import annotations

import asyncio

import pytest

from chat.relay import errors
from chat.relay.chunks import AnswerReader
from chat.relay.client import RelayClient
from chat.relay.errors import RelayError
from chat.relay.types import RelayEvent
from chat.relay.wire import EventParser
from tests.relay.conftest import REQUEST

MAX_LINE_BYTES = 2000


async def collect(client: RelayClient, into: list[RelayEvent] | None = None) -> list[RelayEvent]:
    events: list[RelayEvent] = [] if into is None else into
    async with asyncio.timeout(10):
        async for event in client.stream(REQUEST):
            events.append(event)
    return events


async def failure_of(client: RelayClient) -> tuple[errors.RelayError, list[RelayEvent]]:
    events: list[RelayEvent] = []
    with pytest.raises(errors.RelayError) as caught:
        await collect(client, events)
    return caught.value, events


def read(*pieces: bytes, max_line_bytes: int = MAX_LINE_BYTES) -> tuple[list[RelayEvent], str]:
    """Feed pieces as the transport does; returns the events and the error's code or ""."""
    parser = EventParser(max_line_bytes)
    reader = AnswerReader(1024 * 1024, str)
    events: list[RelayEvent] = []
    try:
        for piece in (*pieces, None):
            for payload in parser.close() if piece is None else parser.feed(piece):
                events.extend(reader.take(payload))
            if parser.failure and not reader.finished:
                raise parser.failure
            if reader.done:
                break
        reader.end(foreign_lines=parser.foreign_lines)
    except RelayError as error:
        return events, error.code
    return events, ""
