"""Chat requests of the demo relay: read, recorded, and played until they end or the client goes."""

import asyncio
import itertools
import random
import secrets

from chat.relay.demo import refusals
from chat.relay.demo.acts import Script, Status
from chat.relay.demo.casting import Casting, ScriptUnknown, answer_for
from chat.relay.demo.connection import Connection
from chat.relay.demo.counting import Counting
from chat.relay.demo.envelope import Envelope
from chat.relay.demo.http_door import HttpDoor, HttpRequest
from chat.relay.demo.json_outlet import JsonOutlet
from chat.relay.demo.offering import DemoModel
from chat.relay.demo.order import BadOrder, Order, read_order
from chat.relay.demo.outlets import Outlet, SseOutlet, WebSocketOutlet
from chat.relay.demo.pace import Pace
from chat.relay.demo.pieces import count_prompt_tokens
from chat.relay.demo.player import Player
from chat.relay.demo.record import RequestLog, RequestRecord
from chat.relay.demo.settings import DemoSettings
from chat.relay.demo.shelf import Shelf
from chat.relay.demo.websocket_door import WebSocketDoor

SCRIPT_HEADER = "x-tram-script"


class Refused(Exception):
    """The request cannot be played; carries the status and the body that say why."""

    def __init__(self, status: int, body: dict[str, object]) -> None:
        self.status = status
        self.body = body


class ChatDoor:
    """Answers chat requests over SSE, as one JSON body, or over WebSocket."""

    def __init__(
        self, settings: DemoSettings, log: RequestLog, casting: Casting, shelf: Shelf
    ) -> None:
        self._settings = settings
        self._shelf = shelf
        self._log = log
        self._casting = casting
        self._rng = random.Random(settings.seed)  # noqa: S311  (paces tokens, guards nothing)
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    async def answer(self, door: HttpDoor, request: HttpRequest) -> None:
        """Answer one HTTP request."""
        try:
            order, model, script = self._read(request.body, request)
        except Refused as refused:
            door.respond(refused.status, refused.body)
            return
        request_id = self._request_id()
        envelope = Envelope(request_id, self._settings.answers_as or order.model)
        outlet = SseOutlet(door, envelope) if order.stream else JsonOutlet(door, envelope)
        await self._play(outlet, order, model, script, request_id, request)

    async def converse(self, door: WebSocketDoor, request: HttpRequest) -> None:
        """Answer one WebSocket's messages, one answer at a time, until it closes."""
        while (message := await door.next_message()) is not None:
            try:
                order, model, script = self._read(message, request)
            except Refused as refused:
                envelope = Envelope(self._request_id(), "")
                WebSocketOutlet(door, envelope).refuse(Status(refused.status, refused.body), {})
                continue
            request_id = self._request_id()
            envelope = Envelope(request_id, self._settings.answers_as or order.model)
            outlet = WebSocketOutlet(door, envelope)
            with door.busy():
                await self._play(outlet, order, model, script, request_id, request)

    def _request_id(self) -> str:
        return f"{self._prefix}-{next(self._numbers)}"

    def _read(self, body: bytes | str, request: HttpRequest) -> tuple[Order, DemoModel, Script]:
        try:
            order = read_order(body)
            model = self._shelf.model_for(order.model)
            if model is None:
                raise Refused(404, refusals.model_not_found(order.model))
            return order, model, self._casting.script_for(order, request.headers.get(SCRIPT_HEADER))
        except (BadOrder, ScriptUnknown) as error:
            raise Refused(400, refusals.error_body(str(error))) from error

    async def _play(
        self,
        outlet: Outlet,
        order: Order,
        model: DemoModel,
        script: Script,
        request_id: str,
        request: HttpRequest,
    ) -> None:
        record = RequestRecord(
            request_id=request_id,
            via=outlet.via,
            model=order.model,
            script=script.name,
            prompt_tokens=count_prompt_tokens(message.content for message in order.messages),
            max_tokens=order.max_tokens,
            price_nano_usd_per_million=model.price_nano_usd_per_million,
            client_request_id=request.headers.get("x-request-id"),
        )
        settings = self._settings
        pace = Pace(settings.tokens_per_second, settings.first_token_seconds, self._rng)
        answer = answer_for(order, model)
        counting = Counting(settings.inflation, settings.counts_by_model)
        player = Player(outlet, order, record, answer, pace, counting, settings.heartbeat_seconds)
        self._log.begin(record)
        try:
            await _until_departure(player, script, outlet.connection)
        finally:
            _note_departure(record, outlet.connection)
            self._log.finish(record)


async def _until_departure(player: Player, script: Script, connection: Connection) -> None:
    """Play the script in a task of its own, which the client's departure cancels, once."""
    playing = asyncio.get_running_loop().create_task(player.play(script))
    connection.on_departure = playing.cancel
    if connection.departure is not None:
        playing.cancel()
    try:
        await asyncio.wait({playing})
    finally:
        connection.on_departure = None
        if not playing.done():
            playing.cancel()
            await asyncio.wait({playing})
    if not playing.cancelled():
        playing.result()


def _note_departure(record: RequestRecord, connection: Connection) -> None:
    record.closed_by = connection.departure
    record.closed_monotonic_ns = connection.departed_monotonic_ns
    if record.state == "open":
        record.state = "left" if connection.departure is not None else "broken"
