"""Asking for a tiny answer, and what it tells."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from chat.relay.attempts import Attempt
from chat.relay.catalog import MAX_NAME_LENGTH
from chat.relay.check.steps import ANSWER_TOKENS, Finding, failed, ok, warning
from chat.relay.errors import ModelUnknown, RelayError
from chat.relay.likeness import same_model
from chat.relay.settings import RelaySettings
from chat.relay.transports.base import Transport
from chat.relay.types import ChatRequest, Delta, RelayMessage, Usage, UsageReport

PROMPT = "Say: one two three."
# A rate over a shorter time than this says nothing.
SHORTEST_RATED_MS = 5
_NO_CHAT = re.compile(r"embed|whisper|tts|dall-e|image|moderation|rerank|speech|audio", re.I)


def choose_model(asked: str, cheapest_first: Sequence[str], listed: Sequence[str]) -> str:
    """Return the model to ask: as asked, else the cheapest that is listed, else the first that
    seems to chat; empty = there is none."""
    if asked:
        return asked
    known = frozenset(listed)
    talking = (model for model in listed if not _NO_CHAT.search(model))
    return next((model for model in cheapest_first if model in known), next(talking, ""))


async def try_answer(settings: RelaySettings, transport: Transport, model: str) -> Finding:
    """Ask `model` for one answer of at most `ANSWER_TOKENS` tokens. Raises RelayError."""
    request = ChatRequest(model, (RelayMessage("user", PROMPT),), ANSWER_TOKENS)
    attempt = Attempt(1, settings.name, settings.key_label, request)
    began = time.monotonic()
    first_at: float | None = None
    pieces, usage = 0, None
    async with aclosing(transport.stream(request, attempt)) as events:
        async for event in events:
            if isinstance(event, Delta) and (event.content or event.reasoning):
                first_at = first_at or time.monotonic()
                last_at = time.monotonic()
                pieces += 1
            elif isinstance(event, UsageReport):
                usage = event.usage
    if first_at is None:
        return warning("answer_empty", model=model)
    return _judged(
        model,
        attempt.echoed_model,
        usage,
        ttft_ms=_milliseconds(first_at - began),
        spoken_ms=_milliseconds(last_at - first_at),
        pieces=pieces,
    )


def answer_failure(error: RelayError, model: str) -> Finding:
    """What a failed try for an answer tells."""
    facts = {"model": model} if isinstance(error, ModelUnknown) else {}
    return failed(error.code, error.message, **facts)


def _judged(
    model: str, echoed: str, usage: Usage | None, *, ttft_ms: int, spoken_ms: int, pieces: int
) -> Finding:
    facts: dict[str, Any] = {"model": model, "ttft_ms": ttft_ms}
    if usage is None:
        return warning("answer_without_usage", **facts)
    facts["completion_tokens"] = usage.completion_tokens
    facts["prompt_tokens"] = usage.prompt_tokens
    if spoken_ms >= SHORTEST_RATED_MS and pieces > 1:
        facts["rate"] = round((max(usage.completion_tokens, pieces) - 1) * 1000 / spoken_ms)
    if not same_model(model, echoed):
        return warning("answer_by_another", echoed=echoed[:MAX_NAME_LENGTH], **facts)
    return ok("answer_ok" if "rate" in facts else "answer_quick", **facts)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
