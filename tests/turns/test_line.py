"""The line goes on moving, whatever went wrong at one look."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID, uuid4

from chat.services.intents import Admitted
from chat.turns.line import WaitingLine
from tests.turns.doubles import admitted, until


class LinesDouble:
    """One line that somebody left behind; the first look at it fails."""

    def __init__(self) -> None:
        self.conversation_id, self.looks = uuid4(), 0

    async def free(self) -> Sequence[UUID]:
        self.looks += 1
        if self.looks == 1:
            raise RuntimeError
        return [self.conversation_id]

    async def send_next(self, conversation_id: UUID, node: str) -> Admitted:
        return admitted(conversation_id=conversation_id, node=node)


async def test_a_fault_that_nobody_foresaw_does_not_end_the_looking() -> None:
    lines, sent = LinesDouble(), []

    async def admit(
        store: Callable[[], Awaitable[Admitted]], _tell: Callable[[Admitted], None]
    ) -> object:
        sent.append((await store()).conversation_id)
        return None

    line = WaitingLine(lines, admit, "here", look_seconds=0.01)
    line.start()
    await until(lambda: sent)
    assert sent[0] == lines.conversation_id
    await line.aclose()
