"""The paths of the demo relay, and the keys that open them."""

import asyncio
from typing import Any

import msgspec

from chat.relay.demo import refusals
from chat.relay.demo.acts import ORDINARY
from chat.relay.demo.casting import Casting, ScriptUnknown, script_from
from chat.relay.demo.chat import SCRIPT_HEADER, ChatDoor
from chat.relay.demo.connection import Connection
from chat.relay.demo.handshakes import REFUSALS, Handshake, handshake_named
from chat.relay.demo.http_door import HttpDoor, HttpRequest
from chat.relay.demo.record import RequestLog
from chat.relay.demo.settings import DemoSettings
from chat.relay.demo.shelf import LONGEST_DELAY_SECONDS, Shelf
from chat.relay.demo.websocket_door import WebSocketDoor

CHAT_PATH = "/v1/chat/completions"
QUEUE_PATH = "/demo/queue"
SHELF_PATH = "/demo/models"
_METHODS = {
    CHAT_PATH: "POST",
    QUEUE_PATH: "POST",
    SHELF_PATH: "POST",
    "/v1/models": "GET",
    "/v1/usage": "GET",
    "/demo/log": "GET",
    "/demo/streams": "GET",
}


class _QueueRequest(msgspec.Struct, forbid_unknown_fields=True):
    script: Any
    times: int = 1


class Routes:
    """Serves every request of a connection."""

    def __init__(
        self, settings: DemoSettings, log: RequestLog, casting: Casting, shelf: Shelf
    ) -> None:
        self._settings = settings
        self._shelf = shelf
        self._asked_for_models = 0
        self._log = log
        self._casting = casting
        self._chat = ChatDoor(settings, log, casting, shelf)

    async def serve(self, connection: Connection) -> None:
        """Answer requests until the connection ends or becomes a WebSocket."""
        door = HttpDoor(connection)
        while (request := await door.next_request()) is not None:
            if request.headers.get("upgrade", "").lower() == "websocket":
                await self._websocket(door, request)
                return
            await self._answer(door, request)
            if not door.reopen():
                return

    async def _answer(self, door: HttpDoor, request: HttpRequest) -> None:
        if request.path not in _METHODS:
            door.respond(404, refusals.NO_SUCH_PATH)
        elif request.method != _METHODS[request.path]:
            door.respond(405, refusals.WRONG_METHOD)
        elif request.path == QUEUE_PATH:
            self._queue(door, request)
        elif request.path == SHELF_PATH:
            self._stock(door, request)
        elif request.path.startswith("/demo/"):
            door.respond(200, self._inside(request.path))
        elif (refusal := self._key_refusal(request)) is not None:
            door.respond(401, refusal)
        elif request.path == CHAT_PATH:
            await self._chat.answer(door, request)
        elif request.path == "/v1/models":
            await self._list_models(door)
        else:
            door.respond(200, self._usage())

    async def _websocket(self, door: HttpDoor, request: HttpRequest) -> None:
        refusal = self._key_refusal(request)
        if request.path != CHAT_PATH:
            door.respond(404, refusals.NO_SUCH_PATH)
        elif refusal is not None:
            door.respond(401, refusal)
        else:
            wish = handshake_named(request.headers.get(SCRIPT_HEADER))
            await self._shake_hands(wish or self._casting.next_handshake(), door, request)

    async def _shake_hands(
        self, wish: Handshake | None, door: HttpDoor, request: HttpRequest
    ) -> None:
        handshake = wish or self._settings.websocket
        if handshake == "silent":
            while await door.connection.read():
                pass
        elif handshake in REFUSALS:
            said = REFUSALS[handshake]
            door.respond(said.status, said.body, said.headers)
        else:
            websocket = WebSocketDoor(door.connection, request)
            if websocket.accept(door.trailing_bytes()):
                await self._chat.converse(websocket, request)

    def _key_refusal(self, request: HttpRequest) -> dict[str, object] | None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            return refusals.NO_KEY
        return None if key.strip() in self._settings.keys else refusals.BAD_KEY

    async def _list_models(self, door: HttpDoor) -> None:
        self._asked_for_models += 1
        await asyncio.sleep(min(self._shelf.delay_seconds, LONGEST_DELAY_SECONDS))
        if self._shelf.status != 200:
            door.respond(self._shelf.status, refusals.error_body("The list is out of order"))
            return
        door.respond(200, self._shelf.document(lists_faults=self._settings.lists_faults))

    def _usage(self) -> dict[str, object]:
        granted, used = self._settings.total_granted_tokens, self._log.tokens_used
        return {
            "object": "usage",
            "total_usage": used,
            "total_granted": granted,
            "total_available": max(0, granted - used),
        }

    def _queue(self, door: HttpDoor, request: HttpRequest) -> None:
        """Take a script for the next chat requests: ``{"script": name or acts, "times": 1}``."""
        try:
            wish = msgspec.json.decode(request.body, type=_QueueRequest)
            handshake = handshake_named(wish.script)
            script = ORDINARY if handshake is not None else script_from(wish.script)
        except (msgspec.MsgspecError, ScriptUnknown) as error:
            door.respond(400, refusals.error_body(str(error)))
            return
        times = min(wish.times, 1_000)
        if handshake is not None:
            self._casting.handshakes.extend([handshake] * times)
            door.respond(200, {"queued": len(self._casting.handshakes)})
            return
        self._casting.queue.extend([script] * times)
        door.respond(200, {"queued": len(self._casting.queue)})

    def _stock(self, door: HttpDoor, request: HttpRequest) -> None:
        """Change what is offered: ``{"dropped": [model], "delay_seconds": 0, "status": 200}``."""
        try:
            wish = msgspec.json.decode(request.body, type=Shelf)
        except msgspec.MsgspecError as error:
            door.respond(400, refusals.error_body(str(error)))
            return
        self._shelf.dropped = wish.dropped
        self._shelf.delay_seconds, self._shelf.status = wish.delay_seconds, wish.status
        door.respond(200, {"dropped": sorted(wish.dropped), "asked": self._asked_for_models})

    def _inside(self, path: str) -> dict[str, object]:
        if path == "/demo/log":
            return {"requests": [record.as_dict() for record in self._log.records]}
        streams = [record.request_id for record in self._log.open_records]
        return {"open": len(streams), "request_ids": streams}
