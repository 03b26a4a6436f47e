"""Doubles at the engine's seams, and a turn to run with them."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from uuid import UUID, uuid4

from chat.queries.running import RunningTurn, TurnReading
from chat.relay.attempts import Attempt, AttemptStarted, RoutedEvent
from chat.relay.errors import RelayError, RelayStreamBroken
from chat.relay.gates import Claim
from chat.relay.recourse import GoOn
from chat.relay.types import ChatRequest, Delta, Finish, RelayEvent, Usage, UsageReport
from chat.services.intents import Admitted, PromptMessage
from chat.turns.bus import Bus, NoBus
from chat.turns.engine import Seams
from chat.turns.journal import Journal, Rhythm
from chat.turns.live import LiveTurn
from chat.turns.reading import TurnReader
from chat.turns.records import TurnRecords
from chat.turns.runner import AnswerStream
from chat.turns.store import ChunkStore, MemoryChunkStore
from chat.turns.viewer import Viewer
from tests.turns.memory_records import MemoryRecords as MemoryRecords
from tests.turns.memory_records import ended as ended

FAST = Rhythm(interval_seconds=0, interval_max_seconds=0.001, stall_seconds=0.05, retry_seconds=0)
QUICK_LOOKS = 200
LOOK_SECONDS = 0.002


def admitted(**fields: object) -> Admitted:
    """A turn of Alice's as the database would give it."""
    values: dict[str, object] = {
        "turn_id": uuid4(),
        "conversation_id": uuid4(),
        "team_id": uuid4(),
        "user_message_id": uuid4(),
        "assistant_message_id": uuid4(),
        "epoch": 1,
        "model": "gpt-4.1",
        "hold_nano_usd": 10**7,
        "state": "running",
        "requester_id": 1,
        "created": True,
        "max_tokens": 1000,
        "input_nano_usd_per_million": 8 * 10**9,
        "output_nano_usd_per_million": 8 * 10**9,
        "prompt": (PromptMessage("user", "Hello"),),
    }
    return Admitted(**(values | fields))  # type: ignore[arg-type]


class StepRelay:
    """A relay that yields what the test feeds it, and knows when its stream was closed."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[RoutedEvent | RelayError | None] = asyncio.Queue()
        self.opened = asyncio.Event()
        self.closed = asyncio.Event()
        self.closings = 0
        self.request: ChatRequest | None = None
        self.claim: Claim | None = None
        self.go_on: GoOn | None = None
        self.sent = True

    def feed(self, *events: RoutedEvent | RelayError | str | None) -> None:
        """Texts become deltas; None ends the stream; an error is raised."""
        for event in events:
            self._events.put_nowait(Delta(event) if isinstance(event, str) else event)

    async def stream(
        self, request: ChatRequest, claim: Claim, go_on: GoOn | None = None
    ) -> AsyncGenerator[RoutedEvent, None]:
        self.request, self.claim, self.go_on = request, claim, go_on
        attempt = Attempt(1, "double", "", request, sent=self.sent)
        self.opened.set()
        try:
            yield AttemptStarted(attempt)
            while (event := await self._events.get()) is not None:
                if isinstance(event, RelayError):
                    attempt.end(event)
                    raise event
                if isinstance(event, Delta | Finish | UsageReport):
                    attempt.note(event)
                elif isinstance(event, AttemptStarted):
                    attempt.end(RelayStreamBroken())
                    attempt = event.attempt
                yield event
        finally:
            if attempt.outcome == "running":
                attempt.end()
            self.closings += 1
            self.closed.set()


def usage(prompt: int, completion: int) -> UsageReport:
    return UsageReport(Usage(prompt, completion, prompt + completion))


def whole_answer(*texts: str) -> Iterable[RelayEvent | str | None]:
    """An answer with its end and its usage."""
    return (*texts, Finish("stop"), usage(7, len(texts)), None)


class Client:
    """Takes frames from a viewer; `gate` closed is a client that does not read."""

    def __init__(self, window_bytes: int = 262_144, ack_timeout_seconds: float = 30) -> None:
        self.frames: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.viewer = Viewer(
            self._send,
            window_bytes=window_bytes,
            ack_timeout_seconds=ack_timeout_seconds,
            queue_frames=8,
        )

    async def _send(self, text: str) -> None:
        await self.gate.wait()
        self.frames.append(text)


async def until(condition: object, seconds: float = 5.0) -> None:
    """Wait until a condition (a callable) holds; fail after `seconds`."""
    assert callable(condition)
    looks = 0
    async with asyncio.timeout(seconds):
        while not condition():
            looks += 1
            # Who only ever spins keeps the threads of the database from running.
            await asyncio.sleep(0 if looks < QUICK_LOOKS else LOOK_SECONDS)


def journal(store: MemoryChunkStore | None = None, rhythm: Rhythm = FAST) -> Journal:
    """A running journal over a store in memory."""
    made = Journal(store or MemoryChunkStore(), rhythm)
    made.start()
    return made


def live_turn(**fields: object) -> LiveTurn:
    return LiveTurn(admitted(**fields))


class NothingElsewhere:
    """A reader of stored turns where no other process runs any."""

    async def running_in(self, conversation_ids: Collection[UUID]) -> Sequence[RunningTurn]:
        return []

    async def read(self, after: Mapping[UUID, int]) -> Mapping[UUID, TurnReading]:
        return {}


def seams(
    relays: AnswerStream,
    *,
    store: ChunkStore | None = None,
    records: TurnRecords | None = None,
    reader: TurnReader | None = None,
    bus: Bus | None = None,
) -> Seams:
    """An engine's surroundings: doubles, but for what is given."""
    return Seams(
        relays,
        store or MemoryChunkStore(),
        records or MemoryRecords(),
        reader or NothingElsewhere(),
        bus or NoBus(),
    )
