"""From chunk objects to relay events: the same for server-sent events and WebSocket frames.

The hot path of the product: one call of `AnswerReader.take` for each token of each answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from chat.relay.attempts import Attempt
from chat.relay.errors import RelayProtocol, RelayTruncated
from chat.relay.extras import extras_of, size_of
from chat.relay.leniency import bare_error, parse_leniently, text_of
from chat.relay.types import Delta, Finish, RelayEvent, Usage
from chat.relay.usage import believe, read_usage
from chat.relay.worded_failures import error_in_answer

logger = logging.getLogger(__name__)

MAX_MALFORMED_FRAMES = 3  # fault rows 4 and 5
# A relay that names its model does so in each chunk.
CHUNKS_TO_LEARN_FROM = 3
MAX_MODEL_LENGTH = 200
MAX_ID_LENGTH = 100

_NOT_CHUNKS = frozenset(("", "ping", "pong"))
_DONE = "[DONE]"


class _Body(msgspec.Struct, gc=False):
    """`delta` of a choice. The types are checked after decoding, so that one odd field costs
    that field and not the whole chunk.
    """

    role: Any = None
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: Any = None
    function_call: Any = None
    refusal: Any = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Body | None = None
    message: _Body | None = None  # instead of a delta, from a relay that does not stream
    finish_reason: Any = None
    index: Any = None
    logprobs: Any = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice | None] | None = None
    usage: Any = None
    error: Any = None


class _NamedChunk(_Chunk, gc=False):
    model: Any = None
    id: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode
_decode_named = msgspec.json.Decoder(_NamedChunk).decode


class AnswerReader:
    """Turns the chunk objects of one answer into events, and judges how the answer ended."""

    def __init__(
        self,
        max_answer_bytes: int,
        redact: Callable[[str], str],
        attempt: Attempt | None = None,
    ) -> None:
        """`max_answer_bytes` bounds the text in UTF-8; `redact` takes the key out of a text;
        the model that the relay names, and the answer's id, are noted into `attempt`.
        """
        self.started = False  # something of the answer has arrived
        self.finished = False  # the relay gave its finish_reason
        self.done = False  # the relay sent its end marker
        self.usage: Usage | None = None
        self.malformed_frames = 0
        self._max_answer_bytes = max_answer_bytes
        self._answer_bytes = 0
        self._redact = redact
        self._frames = 0
        self._attempt = attempt
        self._unnamed_chunks = 0
        # Put in place of a question in each call, which the hot path would feel.
        self._decode: Callable[[bytes | bytearray | str], _Chunk] = (
            _decode if attempt is None else self._decode_and_learn
        )

    @property
    def only_malformed(self) -> bool:
        """Whether things came that are no answer, and nothing else."""
        return self.malformed_frames > 0 and not self._frames

    def take(self, payload: bytes | bytearray | str) -> Sequence[RelayEvent]:
        """Return the events of one chunk object.

        Raises RelayReported (or what else it says) for an error object, RelayProtocol for too
        many malformed frames or too long an answer.
        """
        if self.done:
            return ()
        try:
            chunk = self._decode(payload)
        except (ValueError, RecursionError):  # msgspec's errors and UnicodeDecodeError
            slow = self._decode_slowly(payload)
            if slow is None:
                return (Finish("stop"),) if self._ends_now() else ()
            chunk = slow
        self._frames += 1
        choices = chunk.choices
        if not choices:
            return self._take_unusual(chunk, payload)
        choice = choices[0]
        if chunk.error is None and chunk.usage is None and choice is not None and not self.finished:
            body = choice.delta
            if body is not None and not choice.finish_reason and not choice.index:
                content = body.content
                if type(content) is str and content and body.tool_calls is None and not body.role:
                    unusual = body.reasoning_content or body.reasoning or choice.logprobs
                    if not (unusual or body.refusal or body.function_call):
                        self._count(content)
                        return (Delta(content),)
        return self._take_unusual(chunk, payload)

    def end(self, *, foreign_lines: int = 0) -> None:
        """Judge a clean end of the connection; raises unless the answer was finished."""
        if self.malformed_frames:
            logger.warning("Skipped %d malformed frames of an answer.", self.malformed_frames)
        if self.finished or self.done:
            return
        if not self._frames and (foreign_lines or self.malformed_frames):
            raise RelayProtocol("The relay sent something that is not an event stream.")
        raise RelayTruncated()

    def _decode_and_learn(self, payload: bytes | bytearray | str) -> _Chunk:
        chunk = _decode_named(payload)
        self._unnamed_chunks += 1
        if isinstance(chunk.id, str) and chunk.id and self._attempt is not None:
            self._attempt.response_id = self._redact(chunk.id)[:MAX_ID_LENGTH]
        if isinstance(chunk.model, str) and chunk.model and self._attempt is not None:
            self._attempt.echoed_model = self._redact(chunk.model)[:MAX_MODEL_LENGTH]
            self._decode = _decode
        elif self._unnamed_chunks == CHUNKS_TO_LEARN_FROM:
            self._decode = _decode
        return chunk

    def _take_unusual(self, chunk: _Chunk, payload: bytes | bytearray | str) -> list[RelayEvent]:
        error = chunk.error or (bare_error(payload) if not chunk.choices else None)
        if error:
            model = "" if self._attempt is None else self._attempt.request.model
            raise error_in_answer(error, started=self.started, redact=self._redact, model=model)
        events: list[RelayEvent] = []
        choice = next((c for c in chunk.choices or () if c is not None and not c.index), None)
        if choice is not None and not self.finished:
            self._take_choice(choice, events)
        if chunk.usage is not None:
            self._take_usage(chunk.usage, events)
        # The finish goes last, so that whoever stops at it has the usage that came with it.
        if choice is not None and not self.finished and choice.finish_reason:
            self.finished = True
            events.append(Finish(str(choice.finish_reason)))
        return events

    def _take_choice(self, choice: _Choice, events: list[RelayEvent]) -> None:
        body = choice.delta or choice.message
        if body is None:
            return
        delta = Delta(
            content=text_of(body.content),
            reasoning=text_of(body.reasoning_content) or text_of(body.reasoning),
            role=body.role if isinstance(body.role, str) and body.role else None,
            extras=extras_of(body.tool_calls, body.function_call, body.refusal, choice.logprobs),
        )
        if delta.content or delta.reasoning or delta.extras:
            self._count(delta.content + delta.reasoning, size_of(delta.extras))
        elif delta.role is None:
            return
        events.append(delta)

    def _take_usage(self, raw: Any, events: list[RelayEvent]) -> None:
        usage = read_usage(raw)
        if usage is None:
            logger.warning("Ignored a usage report that cannot be true.")
        elif usage != self.usage:
            report = believe(self.usage, usage)
            self.usage = report.usage
            events.append(report)

    def _count(self, text: str, extra_bytes: int = 0) -> None:
        self.started = True
        self._answer_bytes += len(text) if text.isascii() else len(text.encode())
        self._answer_bytes += extra_bytes
        if self._answer_bytes > self._max_answer_bytes:
            raise RelayProtocol(
                f"The relay's answer is longer than {self._max_answer_bytes} bytes."
            )

    def _ends_now(self) -> bool:
        """Say whether the end marker came without a finish_reason; it then stands for one."""
        if not self.done or self.finished:
            return False
        self.finished = True
        return True

    def _decode_slowly(self, payload: bytes | bytearray | str) -> _Chunk | None:
        """Decode what the fast decoder refuses; None for an end marker, a heartbeat or garbage.

        Accepts what relays really send: bare control characters in strings, lone surrogates and
        bytes that are not UTF-8 (both become U+FFFD, so that encoding cannot fail later).
        """
        text = payload if isinstance(payload, str) else payload.decode("utf-8", "replace")
        word = text.strip()
        if word == _DONE:
            self.done = True
            return None
        if word in _NOT_CHUNKS:
            return None
        try:
            return msgspec.convert(parse_leniently(text), _Chunk)
        except (ValueError, RecursionError):
            self.malformed_frames += 1
            if self._attempt is not None:
                self._attempt.malformed_frames = self.malformed_frames
        if self.malformed_frames > MAX_MALFORMED_FRAMES:
            raise RelayProtocol(f"The relay sent {self.malformed_frames} malformed frames.")
        return None
