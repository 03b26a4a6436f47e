"""Writing answers: a turn's events as chunks of a chat completion, or as a whole one."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from chat.completions.errors import ProgramError
from chat.protocol import Chunk, Done, Error, Snapshot, Usage
from chat.relay.extras import Extras

_encode = msgspec.json.Encoder().encode

INTERRUPTED = "The answer was stopped before its end. What had come was charged."


class AnswerWriter:
    """Writes one answer as chunks, each the JSON of one `chat.completion.chunk`.

    Knows how much of the answer was written, so a snapshot adds only what is new.
    """

    def __init__(
        self,
        turn_id: UUID,
        model: str,
        created: int,
        *,
        include_usage: bool = False,
        usage_at_finish: bool = False,
    ) -> None:
        """`created` is in seconds since 1970, `model` as the program called it. With
        `usage_at_finish` the usage that is asked for comes with the finish reason, too: for
        readers who stop there.
        """
        self._head: dict[str, Any] = {
            "id": completion_id(turn_id),
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self._include_usage = include_usage
        self._usage_at_finish = include_usage and usage_at_finish
        self._begun = False
        self._content_written = 0
        self._reasoning_written = 0
        self._calls_written = False

    def write(self, event: Chunk | Snapshot | Done) -> list[bytes]:
        """Return the chunks that an event stands for; none for what adds nothing.

        Raises ProgramError for an end that is no answer's.
        """
        if isinstance(event, Done):
            return self._end(event)
        if isinstance(event, Snapshot):
            content = event.content[self._content_written :]
            reasoning = event.reasoning[self._reasoning_written :]
            # Calls in pieces cannot be told from what was written of them.
            extras = None if self._calls_written else event.extras
        else:
            content, reasoning, extras = event.content, event.reasoning, event.extras
        if not (content or reasoning or extras):
            return []
        self._content_written += len(content)
        self._reasoning_written += len(reasoning)
        self._calls_written = self._calls_written or bool(extras)
        return [*self._beginning(), self._chunk(_delta(content, reasoning, extras), extras)]

    def _beginning(self) -> list[bytes]:
        if self._begun:
            return []
        self._begun = True
        return [self._chunk({"role": "assistant", "content": ""})]

    def _end(self, done: Done) -> list[bytes]:
        reason = finish_reason(done)
        report = {"usage": usage_of(done.usage), "tram": told(done)}
        at_finish = report if self._usage_at_finish else {}
        chunks = [*self._beginning(), self._chunk({}, finish_reason=reason, **at_finish)]
        if self._include_usage:
            chunks.append(_encode({**self._head, "choices": [], **report}))
        return chunks

    def _chunk(
        self,
        delta: dict[str, Any],
        extras: Extras | None = None,
        finish_reason: str | None = None,
        **report: Any,
    ) -> bytes:
        choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        choice["logprobs"] = (extras or {}).get("logprobs")
        chunk = {**self._head, "choices": [choice]}
        if self._include_usage:
            chunk["usage"] = None
        return _encode({**chunk, **report})


def whole_answer(
    turn_id: UUID, model: str, created: int, snapshot: Snapshot, done: Done
) -> dict[str, Any]:
    """Return the whole `chat.completion` of an answer that has ended.

    Raises ProgramError for an end that is no answer's.
    """
    extras = snapshot.extras or {}
    calls = extras.get("tool_calls") or extras.get("function_call")
    message: dict[str, Any] = {
        "role": "assistant",
        "content": snapshot.content or (None if calls else ""),
        "refusal": extras.get("refusal"),
    }
    if snapshot.reasoning:
        message["reasoning_content"] = snapshot.reasoning
    if extras.get("tool_calls"):
        message["tool_calls"] = [
            {name: value for name, value in call.items() if name != "index"}
            for call in extras["tool_calls"]
        ]
    if extras.get("function_call"):
        message["function_call"] = extras["function_call"]
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": finish_reason(done),
        "logprobs": extras.get("logprobs"),
    }
    return {
        "id": completion_id(turn_id),
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [choice],
        "usage": usage_of(done.usage),
        "tram": told(done),
    }


def finish_reason(done: Done) -> str:
    """Return why an answer is complete; raises ProgramError for one that is not.

    An answer that came to the end of what was held for it has reached its length.
    """
    if done.state == "completed":
        return done.finish_reason or "stop"
    if done.state == "budget_stopped":
        return "length"
    raise failure_of(done)


def failure_of(end: Done | Error) -> ProgramError:
    """Return what a program is told of an answer that failed or was stopped."""
    if isinstance(end, Error):
        return ProgramError(end.code, end.message)
    if end.error is None:
        return ProgramError("interrupted", INTERRUPTED, detail=told(end))
    again_at = end.error.retry_at
    return ProgramError(
        end.error.code,
        end.error.message,
        retry_after_seconds=None if again_at is None else _seconds_until(again_at),
        detail=told(end),
    )


def _seconds_until(moment: datetime) -> float:
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def told(done: Done) -> dict[str, Any]:
    """Return what is told beyond OpenAI's own fields."""
    return {
        "turn": str(done.turn),
        "state": done.state,
        "cost_nano_usd": done.cost_nano_usd,
        "quality": done.quality,
    }


def usage_of(usage: Usage) -> dict[str, Any]:
    """Return the usage in OpenAI's shape."""
    shown: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    if usage.cached_tokens is not None:
        shown["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.reasoning_tokens is not None:
        shown["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return shown


def completion_id(turn_id: UUID) -> str:
    """Return the id of a turn as programs see it."""
    return f"chatcmpl-{turn_id.hex}"


def _delta(content: str, reasoning: str, extras: Extras | None) -> dict[str, Any]:
    delta: dict[str, Any] = {}
    if content:
        delta["content"] = content
    if reasoning:
        delta["reasoning_content"] = reasoning
    for name in ("tool_calls", "function_call", "refusal"):
        if extras and name in extras:
            delta[name] = extras[name]
    return delta
