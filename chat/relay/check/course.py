"""The course of a check: one step after the other, each told as soon as it is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

import msgspec

from chat.relay.check.address import where_it_leads
from chat.relay.check.answers import answer_failure, choose_model, try_answer
from chat.relay.check.documents import Documents, is_sendable
from chat.relay.check.steps import (
    STEP_NAMES,
    CheckPlan,
    CheckStep,
    Finding,
    StepName,
    failed,
    ok,
    skipped,
    warning,
)
from chat.relay.errors import RelayError
from chat.relay.settings import RelaySettings
from chat.relay.transports.base import Transport
from chat.relay.transports.http import RelayHTTP
from chat.relay.transports.sse import SSETransport
from chat.relay.transports.websocket import WebSocketTransport

SHORTEST_SECONDS = 0.05
# With these the handshake turns the request away, not the WebSocket: SSE is no way round.
_TURNS_AWAY = (401, 429, 503)
# Without these nothing further can be found out.
_BASIC = ("address", "reachable", "key")


async def check_relay(
    settings: RelaySettings, plan: CheckPlan | None = None
) -> AsyncGenerator[CheckStep, None]:
    """Yield the steps of a check of one relay with one key, in the order of `STEP_NAMES`.

    Whatever is wrong with the relay is in the steps; nothing is raised for it. Closing the
    generator ends the check and closes its connections.
    """
    course = _Course(settings, plan or CheckPlan())
    try:
        for name in STEP_NAMES:
            yield await course.make(name)
    finally:
        await course.aclose()


class _Course:
    def __init__(self, settings: RelaySettings, plan: CheckPlan) -> None:
        self._plan = plan
        self._settings = _hastened(settings, plan.step_seconds)
        self._http = RelayHTTP(self._settings)
        self._documents = Documents(self._settings, self._http, settings.api_key)
        self._opened: list[Transport] = []
        self._ends_at = time.monotonic() + plan.total_seconds
        self._stopped = ""  # why the steps that are left are not made
        self._steps: dict[StepName, Callable[[], Awaitable[Finding]]] = {
            "address": self._address,
            "reachable": self._documents.ask,
            "key": self._key,
            "models": self._models,
            "sse": self._sse,
            "websocket": self._websocket,
            "usage": self._documents.read_usage,
        }

    async def make(self, name: StepName) -> CheckStep:
        """Make one step, or say why not."""
        began = time.monotonic()
        seconds = min(self._plan.step_seconds, self._ends_at - began)
        if not self._stopped and seconds < SHORTEST_SECONDS:
            self._stopped = "skipped_time"
        if self._stopped:
            found = skipped(self._stopped)
        else:
            found = await self._bounded(name, seconds)
            if name in _BASIC and found.status == "failed":
                self._stopped = "skipped_failed"
        elapsed_ms = round((time.monotonic() - began) * 1000)
        facts = {
            key: _plain(fact) if isinstance(fact, str) else fact
            for key, fact in found.facts.items()
        }
        return CheckStep(name, found.status, found.code, facts, _plain(found.detail), elapsed_ms)

    async def aclose(self) -> None:
        """Close the connections."""
        for transport in self._opened:
            await transport.aclose()
        await self._http.aclose()

    async def _bounded(self, name: StepName, seconds: float) -> Finding:
        try:
            # A little more than the step's own limits, so that these tell what took so long.
            async with asyncio.timeout(seconds + SHORTEST_SECONDS):
                found = await self._steps[name]()
        except TimeoutError:
            found = failed("timeout", seconds=round(seconds, 1))
        # No relay is unusable because it does not tell what was used.
        optional = name == "usage" and found.status == "failed"
        return msgspec.structs.replace(found, status="warning") if optional else found

    async def _address(self) -> Finding:
        return await where_it_leads(self._settings)

    async def _key(self) -> Finding:
        return self._documents.judge_key()

    async def _models(self) -> Finding:
        return self._documents.read_models()

    async def _sse(self) -> Finding:
        if self._settings.transport == "websocket":
            return skipped("skipped_transport")
        return await self._answer(SSETransport(self._settings, self._http))

    async def _websocket(self) -> Finding:
        if self._settings.transport == "sse":
            return skipped("skipped_transport")
        transport = WebSocketTransport(self._settings)
        try:
            (await transport.open()).close()
        except RelayError as error:
            if self._settings.transport == "websocket":
                return failed("websocket_needed", error.message)
            if error.status in _TURNS_AWAY:
                return failed(error.code, error.message)
            return warning("websocket_refused", error.message)
        return await self._answer(transport) if self._plan.answers else ok("websocket_opens")

    async def _answer(self, transport: Transport) -> Finding:
        self._opened.append(transport)
        if not self._plan.answers:
            return skipped("skipped_answers")
        model = choose_model(self._plan.model, self._plan.cheapest_first, self._documents.models)
        if not model:
            return skipped("skipped_no_model")
        try:
            return await try_answer(self._settings, transport, model)
        except RelayError as error:
            return answer_failure(error, model)


def _plain(text: str) -> str:
    """The relay's words as they can be printed: on a terminal control characters are commands."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _hastened(settings: RelaySettings, step_seconds: float) -> RelaySettings:
    """The relay as set, but no more patient than a step; what cannot be a key is left out."""
    return msgspec.structs.replace(
        settings,
        api_key=settings.api_key if is_sendable(settings.api_key) else "",
        connect_timeout_seconds=min(settings.connect_timeout_seconds, step_seconds),
        handshake_timeout_seconds=min(settings.handshake_timeout_seconds, step_seconds),
        first_byte_timeout_seconds=min(settings.first_byte_timeout_seconds, step_seconds),
        idle_timeout_seconds=min(settings.idle_timeout_seconds, step_seconds),
        document_timeout_seconds=min(settings.document_timeout_seconds, step_seconds),
    )
