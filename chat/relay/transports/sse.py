"""Answers as server-sent events: POST /chat/completions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from functools import partial

import httpx

from chat.relay.attempts import Attempt
from chat.relay.chunks import AnswerReader
from chat.relay.errors import (
    RelayError,
    RelayProtocol,
    RelayStreamBroken,
    RelayTimeout,
    RelayUnavailable,
)
from chat.relay.keys import redact
from chat.relay.request_body import encode_request
from chat.relay.settings import RelaySettings
from chat.relay.transports.http import CONNECTION_ERRORS, RelayHTTP, describe, read_body
from chat.relay.transports.patience import bound_next_read
from chat.relay.types import ChatRequest, RelayEvent
from chat.relay.watch import Watch
from chat.relay.wire import EventParser

# After the finish and the usage only the end marker can follow: no reason to hold an answer up.
LINGER_AFTER_USAGE_SECONDS = 0.25
# After the end marker: time to read the end of the response, so that the connection is kept.
DRAIN_SECONDS = 0.05


class SSETransport:
    """One attempt is one POST whose response is read as it comes."""

    def __init__(self, settings: RelaySettings, http: RelayHTTP | None = None) -> None:
        """`http` may be shared with whoever else talks to the same relay."""
        self._settings = settings
        self._http = http or RelayHTTP(settings)

    async def stream(
        self,
        request: ChatRequest,
        attempt: Attempt | None = None,
    ) -> AsyncGenerator[RelayEvent, None]:
        """Make one attempt; see the seam for the contract."""
        settings = self._settings
        reader = AnswerReader(
            settings.max_answer_bytes, partial(redact, key=settings.api_key), attempt
        )
        parser = EventParser(settings.max_line_bytes)
        watch = Watch(settings.first_byte_timeout_seconds)
        response: httpx.Response | None = None
        try:
            response = await self._open(request, attempt, watch)
            if _media_type(response) == "application/json":
                for event in await self._read_document(response, reader, watch):
                    yield event
                reader.end()
                return
            chunks = response.stream.__aiter__()  # type: ignore[union-attr]
            wire_bytes = 0
            while not reader.done:
                data = await self._read(chunks, reader, watch)
                wire_bytes += len(data)
                for payload in parser.feed(data) if data else parser.close():
                    for event in reader.take(payload):
                        yield event
                if parser.failure and not reader.finished:
                    raise parser.failure
                if not data:
                    break
                if wire_bytes > settings.max_wire_bytes:
                    raise RelayProtocol(f"The relay sent over {settings.max_wire_bytes} bytes.")
                bound_next_read(
                    watch,
                    reader,
                    settings,
                    linger_after_usage_seconds=LINGER_AFTER_USAGE_SECONDS,
                )
            reader.end(foreign_lines=parser.foreign_lines)
            await _drain(chunks, watch)
        finally:
            watch.close()
            if response is not None:
                await response.aclose()

    async def aclose(self) -> None:
        """Close the kept connections of the running event loop."""
        await self._http.aclose()

    async def _open(
        self, request: ChatRequest, attempt: Attempt | None, watch: Watch
    ) -> httpx.Response:
        if attempt is None:
            return await self._ask(request, watch)

        def sent() -> None:
            attempt.sent = True

        attempt.transport, attempt.status, attempt.sent = "sse", None, False
        try:
            response = await self._ask(request, watch, sent)
        except RelayError as error:
            attempt.status, attempt.sent = error.status, error.sent
            raise
        attempt.status = response.status_code
        return response

    async def _ask(
        self, request: ChatRequest, watch: Watch, on_sent: Callable[[], None] | None = None
    ) -> httpx.Response:
        """Return the response to read; raises RelayError for one that is no answer."""
        response = await self._http.open(
            "POST",
            "chat/completions",
            content=encode_request(request),
            accept="text/event-stream",
            watch=watch,
            on_sent=on_sent,
        )
        try:
            if response.status_code != 200:
                raise await self._http.refusal(response, watch, request.model)
            if _media_type(response) in ("text/html", "application/xhtml+xml"):
                raise RelayProtocol(
                    "The relay sent a web page instead of an answer.", status=response.status_code
                )
            if response.headers.get("content-encoding", "identity") != "identity":
                raise RelayProtocol(
                    "The relay compressed its answer though asked not to.",
                    status=response.status_code,
                )
        except BaseException:
            await response.aclose()
            raise
        return response

    async def _read(
        self, chunks: AsyncIterator[bytes], reader: AnswerReader, watch: Watch
    ) -> bytes:
        """Return the next bytes of the answer, b"" at its end."""
        try:
            with watch:
                return await chunks.__anext__()
        except StopAsyncIteration:
            return b""
        except TimeoutError:
            if reader.finished:
                return b""
            raise RelayTimeout("The relay fell silent.") from None
        except CONNECTION_ERRORS as error:
            if reader.finished:
                return b""
            raise _broken(error, reader, self._settings.api_key) from None

    async def _read_document(
        self, response: httpx.Response, reader: AnswerReader, watch: Watch
    ) -> list[RelayEvent]:
        """A relay that does not stream, or that refuses with 200: the body is one object."""
        try:
            body = await read_body(response, self._settings.max_answer_bytes, watch)
        except TimeoutError:
            raise RelayTimeout("The relay fell silent.") from None
        except CONNECTION_ERRORS as error:
            raise _broken(error, reader, self._settings.api_key) from None
        return list(reader.take(body))


def _media_type(response: httpx.Response) -> str:
    given: str = response.headers.get("content-type", "")
    return given.partition(";")[0].strip().lower()


def _broken(error: Exception, reader: AnswerReader, key: str) -> RelayError:
    return RelayStreamBroken() if reader.started else RelayUnavailable(describe(error, key))


async def _drain(chunks: AsyncIterator[bytes], watch: Watch) -> None:
    watch.end_within(DRAIN_SECONDS)
    try:
        with watch:
            await chunks.__anext__()
    except (StopAsyncIteration, TimeoutError, *CONNECTION_ERRORS):
        pass
