"""One answer over a WebSocket, from the request's frame to the last frame of its end."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog

from accounts.policy import Principal
from chat.completions import AnswerWriter, ProgramError
from chat.completions.answers import failure_of
from chat.openai.questions import Question
from chat.openai.refusals import explain
from chat.protocol import Done, Error, Notice
from chat.turns.asking import TurnEvent

log = structlog.get_logger(__name__)

Say = Callable[[bytes], Awaitable[None]]


class Gone(Exception):
    """The connection broke: nobody is there to be told anything."""


class SocketAnswer:
    """Writes one answer, a chunk a frame: `give` to its end, `stop` when it is unwanted."""

    def __init__(self, principal: Principal, body: bytes, say: Say) -> None:
        """`say` sends a frame, and raises Gone. Raises ProgramError for what cannot be asked."""
        self._question = Question(principal, body)
        self._say = say
        self._writer: AnswerWriter | None = None
        # Its end is said, or about to be.
        self.is_over = False

    async def give(self) -> None:
        """Ask, and write what comes, to the end or to the error that stands for it."""
        question = self._question
        try:
            admitted = await question.begin()
            self._writer = AnswerWriter(
                admitted.turn_id,
                question.asked.model,
                question.created,
                include_usage=question.asked.include_usage,
                usage_at_finish=True,
            )
            await question.asking.follow(self._take)
        except Gone:
            return
        except Exception as error:
            self.is_over = True
            await self._say(error_frame(explain(error)))
        finally:
            question.asking.leave()

    async def _take(self, event: TurnEvent) -> None:
        assert self._writer is not None
        if isinstance(event, Notice):
            return
        if isinstance(event, Error):
            raise failure_of(event)
        self.is_over = isinstance(event, Done)
        for chunk in self._writer.write(event):
            await self._say(chunk)

    async def stop(self) -> None:
        """Stop the turn at once, also one that is only about to begin; its end is told."""
        self._question.asking.abandon()
        try:
            await self._question.asking.interrupt()
        except Exception as error:
            # It may have reached its owner all the same; else it is charged to its end.
            log.warning("answer_not_stopped", error=type(error).__name__)


def error_frame(error: ProgramError) -> bytes:
    """An error as a frame. A socket has no status and no headers: they are within."""
    body: dict[str, Any] = error.body()
    body["error"]["status"] = error.status
    if error.retry_after_seconds is not None:
        body["error"]["retry_after_seconds"] = error.retry_after_seconds
    return msgspec.json.encode(body)
