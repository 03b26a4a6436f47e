"""An answer as server-sent events, the way OpenAI streams it."""

import asyncio
import time

import msgspec

from chat.completions import AnswerWriter, ProgramError
from chat.completions.answers import failure_of
from chat.openai.calls import Call, Disconnected
from chat.openai.questions import Question
from chat.protocol import Done, Error, Notice
from chat.turns.asking import TurnEvent

SILENT_SECONDS = 10.0
"""So long a stream may say nothing at all: then its head goes out, and a refusal after it has no
status any more."""
WAITING_SECONDS = 15.0
"""A stream that has begun says something at least so often: proxies end silent connections."""
HEAD = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))
EVENT_STREAM = b"text/event-stream; charset=utf-8"
WAITING = b": waiting\n\n"
LAST = b"data: [DONE]\n\n"


class EventStream:
    """Writes one answer to a call; the head goes out with the first event."""

    def __init__(self, call: Call, writer: AnswerWriter) -> None:
        self._call = call
        self._writer = writer
        self._due_at = time.monotonic() + SILENT_SECONDS

    @property
    def quiet_seconds(self) -> float:
        """How long it may still say nothing."""
        return max(0.0, self._due_at - time.monotonic())

    async def take(self, event: TurnEvent) -> None:
        """Write what an event stands for. Raises ProgramError for an end that is no answer's."""
        if isinstance(event, Notice):
            return
        if isinstance(event, Error):
            raise failure_of(event)
        data = b"".join(b"data: %b\n\n" % chunk for chunk in self._writer.write(event))
        if isinstance(event, Done):
            await self._say(data + LAST, more=False)
        elif data:
            await self._say(data)

    async def wait_on(self) -> None:
        """Say that there is nothing to say yet."""
        await self._say(WAITING)

    async def fail(self, error: ProgramError) -> None:
        """Say why no more comes: by the status, if nothing was said before."""
        if self._call.begun:
            await self._say(b"data: %b\n\n" % msgspec.json.encode(error.body()), more=False)
        else:
            await self._call.refuse(error)

    async def _say(self, data: bytes, *, more: bool = True) -> None:
        self._due_at = time.monotonic() + WAITING_SECONDS
        if not self._call.begun:
            await self._call.begin(200, EVENT_STREAM, HEAD)
        await self._call.write(data, more=more)


async def stream_answer(call: Call, question: Question, gone: "asyncio.Task[None]") -> None:
    """Stream the answer to its end. Raises Disconnected when the client has gone."""
    stream = EventStream(call, question.writer())
    following = asyncio.create_task(question.asking.follow(stream.take), name="stream of a call")
    try:
        while not following.done():
            waited = {following, gone}
            await asyncio.wait(
                waited, timeout=stream.quiet_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if gone.done():
                raise Disconnected
            if not following.done() and not stream.quiet_seconds:
                await stream.wait_on()
        following.result()
    except Disconnected:
        raise
    except Exception as error:
        await stream.fail(await question.explain(error))
    finally:
        following.cancel()
        await asyncio.wait({following})
