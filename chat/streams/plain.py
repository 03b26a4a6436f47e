"""The simple form: a message or a history in, the answer out token by token."""

import asyncio
import time
from functools import partial
from typing import Annotated
from uuid import UUID, uuid4

import msgspec
from msgspec import Meta, Struct

from accounts.authentication import revalidate
from accounts.policy import Principal, StaleRights
from chat.completions.answers import failure_of, finish_reason
from chat.crossing import cross
from chat.openai.calls import Call, Disconnected
from chat.openai.questions import Question
from chat.openai.streaming import EVENT_STREAM, HEAD
from chat.protocol import BadFrame, Chunk, Done, Error, Notice
from chat.protocol.commands import ModelName, Options
from chat.services.admission import start_turn
from chat.services.intents import Admitted, Intent, Models
from chat.streams.pages import PING, PING_SECONDS
from chat.streams.refusals import Refusal
from chat.turns.asking import Asking, TurnEvent
from chat.turns.engines import engine
from chat.turns.relays import directory

SILENT_SECONDS = 10.0
"""So long a refusal still gets a status of its own; then the head goes out."""
LAST = b"data: [DONE]\n\n"


class Plain(Struct, forbid_unknown_fields=True):
    """What is asked: one new `message`, or `messages` that are the whole prompt."""

    message: str | None = None
    messages: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=10_000)] | None = None
    model: ModelName | None = None
    conversation: UUID | None = None
    options: Options = Options()
    id: UUID | None = None


def read_plain(body: bytes) -> Plain:
    """Read the body. Raises BadFrame."""
    try:
        asked = msgspec.json.decode(body, type=Plain)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `")
        raise BadFrame(text, path.rstrip("`") or "$") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadFrame(f"The body is not JSON: {error}") from None
    if (asked.message is None) == (asked.messages is None):
        raise BadFrame("Send either `message` or `messages`.", "$.message")
    if asked.messages is not None and asked.conversation is not None:
        raise BadFrame(
            "`messages` are a whole prompt; what goes on in a conversation is a `message`.",
            "$.conversation",
        )
    return asked


async def begin(principal: Principal, asked: Plain) -> tuple[Asking, Admitted]:
    """Start the turn. Raises whatever the product refuses."""
    if asked.messages is None:
        return await _begin_message(principal, asked)
    model = asked.model or await directory().default_model()
    options = {
        name: value
        for name in ("temperature", "top_p", "max_tokens")
        if (value := getattr(asked.options, name)) is not None
    }
    if asked.options.system is not None:
        asked.messages.insert(0, _system_message(asked.options.system))
    body = {"model": model, "messages": asked.messages, **options}
    key = None if asked.id is None else str(asked.id)
    question = Question(principal, msgspec.json.encode(body), key)
    return question.asking, await question.begin()


def _system_message(text: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode({"role": "system", "content": text}))


async def _begin_message(principal: Principal, asked: Plain) -> tuple[Asking, Admitted]:
    relays = directory()
    model = (await relays.route(asked.model)).model if asked.model else None
    options = asked.options
    intent = Intent(
        "chat",
        asked.id or uuid4(),
        conversation_id=asked.conversation,
        content=asked.message or "",
        model=model,
        asked_model=asked.model,
        temperature=options.temperature,
        top_p=options.top_p,
        max_tokens=options.max_tokens,
        system=options.system,
    )
    asking = Asking(engine(), principal)
    models = await relays.models()
    return asking, await asking.begin(partial(_store, principal, intent, models))


async def _store(principal: Principal, intent: Intent, models: Models) -> Admitted:
    store = engine().handovers.store
    try:
        return await store(partial(start_turn, principal, intent, models=models))
    except StaleRights:
        # They have changed since it was looked who calls.
        now = await cross(revalidate, principal)
        if now is None:
            raise
        return await store(partial(start_turn, now, intent, models=models))


class Tokens:
    """Writes one answer to a call; the head goes out with the first token."""

    def __init__(self, call: Call, admitted: Admitted, *, hidden: bool) -> None:
        """`hidden`: the answer is in no conversation that anybody sees."""
        self._call = call
        self._written = 0
        self._due_at = time.monotonic() + SILENT_SECONDS
        call.id = str(admitted.turn_id)
        names = {b"x-tram-turn": admitted.turn_id}
        if not hidden:
            names |= {
                b"x-tram-conversation": admitted.conversation_id,
                b"x-tram-message": admitted.assistant_message_id,
            }
        call.told.extend((name, str(id).encode()) for name, id in names.items())

    @property
    def quiet_seconds(self) -> float:
        """How long it may still say nothing."""
        return max(0.0, self._due_at - time.monotonic())

    async def take(self, event: TurnEvent) -> None:
        """Write what an event adds. Raises ProgramError for an end that is no answer's."""
        if isinstance(event, Notice):
            return
        if isinstance(event, Error):
            raise failure_of(event)
        if isinstance(event, Done):
            finish_reason(event)
            await self._say(LAST, more=False)
            return
        new = event.content if isinstance(event, Chunk) else event.content[self._written :]
        self._written += len(new)
        if new:
            await self._say(b"data: %b\n\n" % msgspec.json.encode({"token": new}))

    async def wait_on(self) -> None:
        """Say that there is nothing to say yet."""
        await self._say(PING)

    async def fail(self, error: Exception) -> None:
        """Say why no more comes, where it cannot be said by the status any more; else raise it."""
        if not self._call.begun:
            raise error
        await self._say(b"data: %b\n\n" % msgspec.json.encode(Refusal(error).body), more=False)

    async def _say(self, data: bytes, *, more: bool = True) -> None:
        self._due_at = time.monotonic() + PING_SECONDS
        if not self._call.begun:
            await self._call.begin(200, EVENT_STREAM, HEAD)
        await self._call.write(data, more=more)


async def stream(principal: Principal, asked: Plain, call: Call, *, stops: bool) -> None:
    """Answer one request. Who goes leaves the turn running, or with `stops` ends it.

    Raises whatever the product refuses before the first token, and Disconnected.
    """
    async with call.watched() as gone:
        asking, admitted = await begin(principal, asked)
        tokens = Tokens(call, admitted, hidden=asked.messages is not None)
        following = asyncio.create_task(asking.follow(tokens.take), name="plain stream")
        try:
            while not following.done():
                waited = {following, gone}
                seconds = tokens.quiet_seconds
                await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    raise Disconnected
                if not following.done() and not tokens.quiet_seconds:
                    await tokens.wait_on()
            following.result()
        except Disconnected:
            if stops and admitted.created:
                await asking.interrupt()
            raise
        except Exception as error:
            await tokens.fail(error)
        finally:
            following.cancel()
            await asyncio.wait({following})
            asking.leave()
