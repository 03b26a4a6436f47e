"""`POST /v1/chat/completions`: the turn that a request asks for, streamed or whole."""

from chat.openai.access import principal_of
from chat.openai.allowances import allowance_headers
from chat.openai.bodies import read_body
from chat.openai.calls import Call, Disconnected
from chat.openai.questions import Question, checked_key
from chat.openai.streaming import stream_answer
from chat.openai.whole import give_whole


async def complete(call: Call) -> None:
    """Answer one request; who closes the connection that began a turn stops it.

    Raises what the product refuses, and Disconnected.
    """
    principal = await principal_of(call.headers)
    body = await read_body(call)
    key = checked_key(call.header(b"idempotency-key"))
    async with call.watched() as gone:
        question = Question(principal, body, key)
        gone.add_done_callback(lambda _: question.asking.abandon())
        try:
            try:
                admitted = await question.begin()
                call.id = str(admitted.turn_id)
            finally:
                # Also with a refusal: it may be a limit's. The relay answers meanwhile.
                call.told += await allowance_headers(principal)
            if gone.done():
                raise Disconnected
            if question.asked.stream:
                await stream_answer(call, question, gone)
            else:
                await give_whole(call, question, gone)
        except Disconnected:
            await question.stop()
            raise
        finally:
            question.asking.leave()
