"""The double of a relay: attempts written down beforehand. Ships with the product.

It feeds chunk objects through the same reader as the real transports and passes the same
contract tests, so what is shown with it holds for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import msgspec

from chat.relay.attempts import Attempt
from chat.relay.chunks import AnswerReader
from chat.relay.errors import RelayError, RelayStreamBroken, RelayTimeout, RelayUnavailable
from chat.relay.types import ChatRequest, RelayEvent
from chat.relay.watch import Watch


class Send(msgspec.Struct, frozen=True):
    """The relay sends one payload: a chunk object, or text such as `[DONE]` or broken JSON."""

    payload: Mapping[str, Any] | str


class Wait(msgspec.Struct, frozen=True):
    """The relay is silent for so long."""

    seconds: float


class Hang(msgspec.Struct, frozen=True):
    """The relay is silent for ever, the connection held open."""


class Lose(msgspec.Struct, frozen=True):
    """The connection is lost."""


class Refuse(msgspec.Struct, frozen=True):
    """The attempt fails with this error."""

    error: RelayError


Step = Send | Wait | Hang | Lose | Refuse


def say(text: str, **parts: Any) -> Send:
    """Return the step that sends a piece of content (`parts`: further fields of the delta)."""
    return Send({"choices": [{"index": 0, "delta": {"content": text, **parts}}]})


def finish(reason: str = "stop") -> Send:
    """Return the step that sends the finish_reason."""
    return Send({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})


def report_usage(prompt_tokens: int, completion_tokens: int) -> Send:
    """Return the step that sends a usage chunk."""
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
    return Send({"choices": [], "usage": usage})


def answer(*texts: str, prompt_tokens: int = 10) -> tuple[Step, ...]:
    """Return the script of an answer without faults, one completion token for each text."""
    said = tuple(say(text) for text in texts)
    return (*said, finish(), report_usage(prompt_tokens, len(texts)), Send("[DONE]"))


class ScriptedTransport:
    """Plays one script for each attempt, the last one again and again; a script's end is a clean
    close.

    `requests` are the attempts seen, `open_streams` how many are running now, `closed_early` how
    many were closed by us before their end. `documents` are what `get_document` returns, or the
    errors that it raises.
    """

    def __init__(
        self,
        *scripts: Sequence[Step],
        documents: Mapping[str, Any] | None = None,
        idle_timeout_seconds: float = 60.0,
        finish_grace_seconds: float = 2.0,
        max_answer_bytes: int = 1024 * 1024,
    ) -> None:
        self.requests: list[ChatRequest] = []
        self.open_streams = 0
        self.closed_early = 0
        self._scripts = scripts or (answer("Hello."),)
        self._documents = dict(documents or {})
        self._idle_timeout_seconds = idle_timeout_seconds
        self._finish_grace_seconds = finish_grace_seconds
        self._max_answer_bytes = max_answer_bytes

    async def stream(
        self,
        request: ChatRequest,
        attempt: Attempt | None = None,
    ) -> AsyncGenerator[RelayEvent, None]:
        """Play the next script."""
        script = self._scripts[min(len(self.requests), len(self._scripts) - 1)]
        self.requests.append(request)
        reader = AnswerReader(self._max_answer_bytes, str, attempt)
        if attempt is not None:
            attempt.transport, attempt.sent = "scripted", True
        watch = Watch(self._idle_timeout_seconds)
        self.open_streams += 1
        ended = False
        try:
            for step in script:
                if reader.done or not await self._play(step, reader, watch):
                    break
                if isinstance(step, Send):
                    for event in reader.take(_payload(step)):
                        yield event
                if reader.finished:
                    watch.end_within(self._finish_grace_seconds)
            reader.end()
            ended = True
        except RelayError as error:
            ended = True
            if attempt is not None and not reader.started:
                attempt.status, attempt.sent = error.status, error.sent
            raise
        finally:
            watch.close()
            self.open_streams -= 1
            self.closed_early += not ended

    async def get_document(self, path: str) -> Any:
        """Return or raise what was given for the path."""
        await asyncio.sleep(0)
        found = self._documents.get(path, RelayUnavailable(f"Nothing scripted for {path}."))
        if isinstance(found, RelayError):
            raise found
        return found

    async def aclose(self) -> None:
        """Nothing is kept open."""

    async def _play(self, step: Step, reader: AnswerReader, watch: Watch) -> bool:
        """Do what comes before a step's payload; False = the answer is over."""
        try:
            with watch:
                if isinstance(step, Hang):
                    await asyncio.Event().wait()
                # Even a step without a wait lets others run, as a real connection would.
                await asyncio.sleep(step.seconds if isinstance(step, Wait) else 0)
        except TimeoutError:
            if reader.finished:
                return False
            raise RelayTimeout("The relay fell silent.") from None
        if isinstance(step, Lose | Refuse) and reader.finished:
            return False
        if isinstance(step, Refuse):
            raise step.error
        if isinstance(step, Lose):
            raise RelayStreamBroken() if reader.started else RelayUnavailable()
        return True


def _payload(step: Send) -> str:
    if isinstance(step.payload, str):
        return step.payload
    return msgspec.json.encode(step.payload).decode()
