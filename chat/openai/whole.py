"""A whole answer, in one piece of JSON."""

import asyncio

from chat.completions import ProgramError, whole_answer
from chat.completions.answers import failure_of
from chat.crossing import cross
from chat.openai.calls import Call, Disconnected
from chat.openai.questions import Question
from chat.protocol import Done, Error
from chat.services.ending import stored_end
from chat.turns.asking import TurnEvent
from chat.turns.endings import done_event, ended_snapshot


async def whole(question: Question) -> dict[str, object]:
    """Wait for the answer's end and return the answer, as stored.

    Raises ProgramError for an end that is no answer's.
    """
    ends: list[Done] = []

    async def take(event: TurnEvent) -> None:
        if isinstance(event, Error):
            raise failure_of(event)
        if isinstance(event, Done):
            ends.append(event)

    await question.asking.follow(take)
    if ends[0].error is not None:
        # It knows when to ask again, which is not stored.
        raise failure_of(ends[0])
    ended = await cross(stored_end, ends[0].turn)
    if ended is None:
        raise ProgramError("internal_error", "The answer has no end yet. Ask again.")
    snapshot, done = ended_snapshot(ended), done_event(ended)
    return whole_answer(ended.turn_id, question.asked.model, question.created, snapshot, done)


async def give_whole(call: Call, question: Question, gone: "asyncio.Task[None]") -> None:
    """Answer in one piece. Raises Disconnected when the client has gone, and as `whole`."""
    waiting = asyncio.create_task(whole(question), name="whole answer of a call")
    try:
        await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise Disconnected
        try:
            answer = waiting.result()
        except ProgramError as error:
            raise await question.explain(error) from None
        await call.answer(200, answer)
    finally:
        waiting.cancel()
        await asyncio.wait({waiting})
