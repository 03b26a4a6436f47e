"""Reading what a client or the parser makes of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import UUID

import pytest

from chat.relay import errors
from chat.relay.attempts import AttemptStarted, RoutedEvent
from chat.relay.breaker import Breaker
from chat.relay.chunks import AnswerReader
from chat.relay.client import RelayClient
from chat.relay.errors import RelayError
from chat.relay.gates import Claim, Gate, OpenGate
from chat.relay.routes import Route
from chat.relay.routing import Router
from chat.relay.types import ChatRequest, RelayEvent
from chat.relay.wire import EventParser
from tests.relay.conftest import REQUEST

MAX_LINE_BYTES = 2000


CLAIM = Claim(turn_id=UUID(int=1), person_id=1, team_id=UUID(int=2))


def route_to(
    client: RelayClient,
    model: str = REQUEST.model,
    *,
    gate: Gate | None = None,
    breaker: Breaker | None = None,
) -> Route:
    """A route; without limits unless they are given."""
    return Route(client, model, gate or OpenGate(), breaker or Breaker())


def stream_of(
    client: RelayClient, request: ChatRequest = REQUEST, router: Router | None = None
) -> AsyncGenerator[RoutedEvent, None]:
    """The answer of one relay, as a turn gets it."""
    return (router or Router()).answer(request, [route_to(client, request.model)], CLAIM)


async def collect(client: RelayClient, into: list[RoutedEvent] | None = None) -> list[RoutedEvent]:
    """What a turn hears of an answer of one relay, but for the beginnings of tries."""
    events: list[RoutedEvent] = [] if into is None else into
    async with asyncio.timeout(10), aclosing(stream_of(client)) as stream:
        async for event in stream:
            if not isinstance(event, AttemptStarted):
                events.append(event)
    return events


async def failure_of(client: RelayClient) -> tuple[errors.RelayError, list[RoutedEvent]]:
    events: list[RoutedEvent] = []
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
