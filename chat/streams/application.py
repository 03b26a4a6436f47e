"""The door as an ASGI application before Django's: a stream must not hold one of its threads."""

from typing import Any
from urllib.parse import parse_qs

import msgspec
import structlog
from django.conf import settings

from chat.completions import ProgramError
from chat.consumers.handshake import Greeting
from chat.openai.bodies import read_body
from chat.openai.calls import NOT_IN_THE_CLEAR, Call, Disconnected
from chat.protocol import SUBPROTOCOL, BadFrame, Command
from chat.services.errors import Restarting
from chat.serving.addresses import client_address
from chat.streams import plain, quick
from chat.streams.access import welcome
from chat.streams.orders import read_order
from chat.streams.paces import Paces
from chat.streams.pages import PageStream
from chat.streams.refusals import Refusal
from chat.turns.lifecycle import is_closed

log = structlog.get_logger(__name__)

PATH = "/api/chat/stream"
_paces = Paces()


class StreamDoor:
    """Answers `POST /api/chat/stream`; all else goes to `others`."""

    def __init__(self, others: Any) -> None:
        self._others = others

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request (ASGI)."""
        if scope["path"] == PATH:
            await _answer(scope, Call(scope, receive, send))
        else:
            await self._others(scope, receive, send)


async def _answer(scope: Any, call: Call) -> None:
    try:
        await _serve(scope, call)
    except Disconnected:
        return
    except Exception as error:
        if call.begun:
            log.exception("stream_failed")
            await call.write(b"", more=False)
            return
        refusal = Refusal(error)
        headers = []
        if refusal.retry_after_seconds is not None:
            headers.append((b"retry-after", str(refusal.retry_after_seconds).encode()))
        await call.answer(refusal.status, refusal.body, headers)


async def _serve(scope: Any, call: Call) -> None:
    if call.method != "POST":
        call.told.append((b"allow", b"POST"))
        raise ProgramError("method_not_allowed", "Only POST is for this address.")
    if is_closed():
        raise Restarting
    if settings.SECURE_SSL_REDIRECT and not call.is_secure:
        raise ProgramError("bad_frame", NOT_IN_THE_CLEAR)
    greeting = await welcome(scope)
    body = await read_body(call)
    query = parse_qs(scope["query_string"].decode("ascii"))
    if query.get("protocol") == [SUBPROTOCOL]:
        await _speak(scope, call, greeting, body)
    elif "protocol" in query:
        raise BadFrame(f"The only protocol is {SUBPROTOCOL}.", "protocol")
    else:
        _paces.take(greeting.person.id)
        stops = query.get("detach") == ["stop"]
        await plain.stream(greeting.principal, plain.read_plain(body), call, stops=stops)


async def _speak(scope: Any, call: Call, greeting: Greeting, body: bytes) -> None:
    watch, commands = read_order(body)
    _paces.take(greeting.person.id, max(1, len(commands)))
    if "text/event-stream" in (call.header(b"accept") or ""):
        stream = PageStream(call, greeting, client_address(scope))
        await stream.run(watch, commands)
        return
    events = [event for each in _only(commands) for event in await quick.answer(greeting, each)]
    await call.answer(200, {"events": msgspec.to_builtins(events)})


def _only(commands: list[Command]) -> list[Command]:
    if len(commands) != 1:
        raise BadFrame("Without `Accept: text/event-stream` send one command.", "$.commands")
    return commands
