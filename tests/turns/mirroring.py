"""Several processes that show each other's turns, and a relay that is fed text by text."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from chat.turns import mirror, mirrors
from chat.turns.bus import Frames
from tests.turns.doubles import Client, until, whole_answer
from tests.turns.several import Nodes, frames_of

MakeNodes = Callable[..., Nodes]
WORDS = [f"word {number} — ẩm 🚋 " for number in range(40)]


@pytest.fixture
async def site(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeNodes]:
    """Make processes; silence is noticed at once. Nothing of them is left after the test."""
    for module in (mirror, mirrors):
        monkeypatch.setattr(module, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(mirror, "GAP_PAUSE_SECONDS", 0.001)
    async with AsyncExitStack() as stack:

        def make(*names: str, **options: object) -> Nodes:
            made = Nodes(*names, **options)  # type: ignore[arg-type]
            stack.push_async_callback(made.aclose)
            return made

        yield make
    this = asyncio.current_task()
    assert [task for task in asyncio.all_tasks() if task is not this] == []


async def speak(nodes: Nodes, *texts: str) -> None:
    """The relay says each text, and each is a chunk of its own."""
    for text in texts:
        before = len(nodes.stored.journal.chunks)
        nodes.relay.feed(text)
        await until(lambda before=before: len(nodes.stored.journal.chunks) > before)


def finish(nodes: Nodes) -> None:
    nodes.relay.feed(*whole_answer())


def carried(nodes: Nodes, seq: int) -> bool:
    """Whether the bus was given a chunk."""
    messages = [message for _, _, message in nodes.network.carried]
    frames = [message for message in messages if isinstance(message, Frames)]
    return any(piece.seq == seq for message in frames for piece in message.pieces)


async def ended(*clients: Client) -> None:
    await until(lambda: all(frames_of(client, "done") for client in clients), 30)
