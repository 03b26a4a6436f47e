"""`wss …/v1/chat/completions`, the relay's own form over a WebSocket: a frame brings the body of a
request, and each frame back is one chunk of the answer."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError

from accounts.policy import Principal
from chat.completions import ProgramError
from chat.consumers import handshake
from chat.consumers.exchange import exchange
from chat.consumers.groups import Listening
from chat.consumers.handshake import Closed, SocketCount
from chat.consumers.rights import RightsWatch
from chat.consumers.switchboard import Message
from chat.openai.access import principal_of
from chat.openai.frames import PONG, Flood, FrameRate, body_of, word_of
from chat.openai.refusals import explain
from chat.openai.socket_answers import Gone, SocketAnswer, error_frame
from chat.serving.addresses import client_address
from chat.turns.engines import engine

TOO_MANY = "There are too many open sockets of this person or address. Close some."
AWAY = "The server is restarting. Connect again in a moment."
BUSY = "An answer is still being written on this socket. Wait for its end, or open another one."

LAST_WORDS_SECONDS = 2.0
BAD_REQUESTS = (400, 413)
"""Statuses of what is no request; so many in a row close the socket."""

sockets = SocketCount(lambda: (settings.SOCKETS.max_api_sockets,) * 2)


async def completion_socket(scope: Any, receive: Any, send: Any) -> None:
    """Serve one connection (ASGI)."""
    await CompletionSocket(scope, receive, send).serve()


class CompletionSocket:
    """One connection of a program, with one answer at a time. Its end stops the answer."""

    principal: Principal

    def __init__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._rate = FrameRate()
        self._bad_frames = 0
        self._closing = False
        # The server drains: the answer that is being written is the last one.
        self._leaving = False
        self._answer: SocketAnswer | None = None
        self._giving: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Run until either side ends it; nothing of it is left then, and no answer goes on."""
        await self._receive()
        headers = self._scope["headers"]
        try:
            check_page(headers)
            self.principal = await principal_of(headers)
        except ProgramError:
            # Before it is accepted: the handshake fails with 403, as at the relay.
            await self._send({"type": "websocket.close"})
            return
        except DatabaseError as error:
            await self._turn_away(explain(error), handshake.RESTARTING)
            return
        counted = (self.principal.user_id, client_address(self._scope))
        try:
            sockets.enter(*counted)
        except Closed as refusal:
            crowded = ProgramError("rate_limited", TOO_MANY, detail={"limit": "sockets"})
            await self._turn_away(crowded, refusal.code)
            return
        try:
            if engine().draining:
                await self._turn_away(ProgramError("restarting", AWAY), handshake.RESTARTING)
            else:
                await self._send({"type": "websocket.accept"})
                await self._converse()
        finally:
            sockets.leave(*counted)

    async def _turn_away(self, error: ProgramError, code: int) -> None:
        """Accept, say why not, and close: a refusal before it could say nothing."""
        await self._send({"type": "websocket.accept"})
        with contextlib.suppress(Gone):
            await self._say(error_frame(error))
        await self._close(code)

    async def _converse(self) -> None:
        listening = Listening(exchange().switchboard, self._hear)
        self._rights = RightsWatch(self, listening, self._close)
        goodbyes = engine().goodbyes
        goodbyes.add(self._say_goodbye)
        watching = asyncio.create_task(self._watch(listening), name="rights of a program")
        try:
            while (message := await self._receive())["type"] != "websocket.disconnect":
                if not self._closing:
                    await self._take(message.get("text") or message.get("bytes") or "")
        finally:
            # What cannot fail or wait comes first.
            self._closing = True
            goodbyes.discard(self._say_goodbye)
            listening.leave()
            watching.cancel()
            await self._end_answer()
            await asyncio.wait({watching})

    async def _watch(self, listening: Listening) -> None:
        await listening.follow(self.principal)
        await self._rights.keep()

    async def _take(self, frame: str | bytes) -> None:
        """Take one frame. Whatever is wrong with it is told, and the socket lives."""
        try:
            self._rate.take()
            word = word_of(frame)
            if word == "ping":
                await self._say(b"pong" if frame in ("ping", b"ping") else PONG)
            elif word == "interrupt" and self._answer is not None:
                await self._answer.stop()
            elif word is None:
                await self._ask(body_of(frame))
                self._bad_frames = 0
        except Gone:
            return
        except Flood:
            await self._close(handshake.TOO_MANY)
        except Exception as error:
            await self._refuse(explain(error))

    async def _refuse(self, error: ProgramError) -> None:
        with contextlib.suppress(Gone):
            await self._say(error_frame(error))
        self._bad_frames += error.status in BAD_REQUESTS
        if self._bad_frames >= settings.SOCKETS.bad_frames_in_a_row:
            await self._close(handshake.BAD_PROTOCOL)

    async def _ask(self, body: bytes) -> None:
        if self._giving is not None and self._answer is not None and self._answer.is_over:
            # The client has read its end, and asks again before the last of it is tidied up.
            await asyncio.wait({self._giving})
        if self._answer is not None:
            raise ProgramError("too_many_turns", BUSY, detail={"limit_turns": 1})
        self._answer = SocketAnswer(self.principal, body, self._say)
        self._giving = asyncio.create_task(self._give(self._answer), name="answer on a socket")

    async def _give(self, answer: SocketAnswer) -> None:
        try:
            await answer.give()
        finally:
            self._answer = None
        if self._leaving:
            await self._close(handshake.RESTARTING)

    async def _end_answer(self) -> None:
        """Stop what is being written; who asked for it has gone."""
        if self._answer is not None:
            await self._answer.stop()
        if self._giving is not None:
            self._giving.cancel()
            await asyncio.wait({self._giving})

    def _hear(self, message: Message) -> None:
        """The switchboard: something for the person, or for a team of hers."""
        if message["type"] == "rights":
            self._rights.tell(message["credential"])

    def change_rights(self, principal: Principal) -> None:
        """Go on with the rights the key has now."""
        self.principal = principal

    async def _say_goodbye(self) -> None:
        """The server drains: what is being written may come to its end, nothing else begins."""
        self._leaving = True
        if self._giving is None or self._giving.done():
            await self._close(handshake.RESTARTING)
        else:
            engine().closings.append(self._finish)

    async def _finish(self) -> None:
        """The turn has ended: its last frames go out before the process ends."""
        if self._giving is not None:
            await asyncio.wait({self._giving}, timeout=LAST_WORDS_SECONDS)

    async def _say(self, frame: bytes) -> None:
        """Send a frame; returns once the client has read what was sent before. Raises Gone."""
        if self._closing:
            raise Gone
        try:
            await self._send({"type": "websocket.send", "text": frame.decode()})
        except Exception as error:
            raise Gone from error

    async def _close(self, code: int) -> None:
        """Close with a code, and stop what is being written."""
        if self._closing:
            return
        self._closing = True
        with contextlib.suppress(Exception):
            await self._send({"type": "websocket.close", "code": code})
        if self._answer is not None:
            await self._answer.stop()


def check_page(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Refuse pages, unless their origin is in CORS_ORIGINS. Raises ProgramError."""
    origins = [value.decode("latin-1") for name, value in headers if name == b"origin"]
    if any(origin not in settings.CORS_ORIGINS for origin in origins):
        raise ProgramError("forbidden", "No page of this origin may open this socket.")
