"""Several processes in one event loop: engines over one stored truth and one bus that may fail."""

import asyncio
import hashlib
import json
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

from chat.queries.running import RunningTurn, TurnReading
from chat.services.ending import Ended, TurnEnd
from chat.services.intents import Admitted
from chat.turns.bus import Message, NoBus
from chat.turns.bus.memory import MemoryBus, MemoryNetwork
from chat.turns.engine import Engine
from chat.turns.store import MemoryChunkStore
from tests.socket_client import SeenTurn
from tests.turns.doubles import FAST, Client, MemoryRecords, StepRelay, admitted, ended, seams

POLL_SECONDS = 0.02


class Stored:
    """The truth that all processes share: turns, their journal, their ends."""

    def __init__(self) -> None:
        self.turns: dict[UUID, tuple[Admitted, str, int]] = {}
        self.journal = MemoryChunkStore()
        self.ends: dict[UUID, Ended] = {}
        self.error: Exception | None = None
        self.readings = 0
        self.looks = 0

    def put(self, turn: Admitted, node: str) -> None:
        self.turns[turn.turn_id] = turn, node, turn.epoch

    def take_over(self, turn_id: UUID, node: str) -> None:
        """Another process raises the epoch."""
        turn, _, epoch = self.turns[turn_id]
        self.turns[turn_id] = turn, node, epoch + 1

    def end(self, turn_id: UUID, state: str, content: str) -> None:
        """Somebody ends the turn."""
        turn, _, epoch = self.turns[turn_id]
        end = TurnEnd(turn_id, epoch, turn.model, state, content, "", ())
        self.ends[turn_id] = whole(end, turn)

    async def running_in(self, conversation_ids: Collection[UUID]) -> Sequence[RunningTurn]:
        self.looks += 1
        await self._cross()
        return [
            RunningTurn(
                turn.turn_id,
                turn.conversation_id,
                turn.team_id,
                turn.user_message_id,
                turn.assistant_message_id,
                epoch,
                node,
            )
            for turn, node, epoch in self.turns.values()
            if turn.conversation_id in conversation_ids
        ]

    async def read(self, after: Mapping[UUID, int]) -> Mapping[UUID, TurnReading]:
        self.readings += 1
        await self._cross()
        return {id: self._reading(id, seq) for id, seq in after.items() if id in self.turns}

    async def _cross(self) -> None:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error

    def _reading(self, id: UUID, after: int) -> TurnReading:
        _, node, epoch = self.turns[id]
        chunks = [chunk for chunk in self.journal.chunks if chunk.turn == id]
        return TurnReading(
            epoch,
            node,
            ()
            if id in self.ends
            else tuple(chunk for chunk in chunks if chunk.epoch == epoch and chunk.seq > after),
            self.ends.get(id),
        )


class Records(MemoryRecords):
    """The part of the truth that an engine writes."""

    def __init__(self, stored: Stored) -> None:
        super().__init__()
        self._stored = stored

    async def end(self, end: TurnEnd) -> Ended | None:
        turn, _, epoch = self._stored.turns[end.turn_id]
        if end.turn_id in self._stored.ends:
            return self._stored.ends[end.turn_id]
        if epoch != end.epoch:
            return None
        await super().end(end)
        self._stored.ends[end.turn_id] = whole(end, turn)
        return self._stored.ends[end.turn_id]

    async def stored_end(self, turn_id: UUID) -> Ended | None:
        return self._stored.ends.get(turn_id)


def whole(end: TurnEnd, turn: Admitted) -> Ended:
    """What the database makes of an end, with its hash."""
    return replace(
        ended(end),
        conversation_id=turn.conversation_id,
        assistant_message_id=turn.assistant_message_id,
        sha256=hashlib.sha256(end.content.encode()).hexdigest(),
    )


class RoughNetwork(MemoryNetwork):
    """Loses, doubles and delays, so that messages overtake each other."""

    def __init__(self, seed: int, *, loss: float = 0, double: float = 0, delay: float = 0) -> None:
        chance = random.Random(seed)
        super().__init__(lambda _from, _to: chance.random() < loss)
        self._chance, self._double, self._delay = chance, double, delay

    def deliver(self, sender: str, to: str, message: Message) -> bool:
        times = 2 if self._chance.random() < self._double else 1
        for _ in range(times):
            if self._chance.random() < self._delay:
                pause = self._chance.random() * 0.02
                loop = asyncio.get_running_loop()
                loop.call_later(
                    pause, lambda: super(RoughNetwork, self).deliver(sender, to, message)
                )
            else:
                super().deliver(sender, to, message)
        return not self.down


class Nodes:
    """A site of several processes; `nodes["a"]` is one of them."""

    def __init__(
        self,
        *names: str,
        network: MemoryNetwork | None = None,
        bus: bool = True,
        lease_seconds: float = 10.0,
    ) -> None:
        self.stored = Stored()
        self.network = network or MemoryNetwork()
        self.relay = StepRelay()
        self.clients: list[Client] = []
        self._pumps: list[asyncio.Task[None]] = []
        self._engines: dict[str, Engine] = {}
        for name in names:
            self._engines[name] = Engine(
                seams(
                    self.relay,
                    store=self.stored.journal,
                    records=Records(self.stored),
                    reader=self.stored,
                    bus=MemoryBus(self.network) if bus else NoBus(),
                ),
                FAST,
                node=name,
                beat_seconds=0.05,
                lease_seconds=lease_seconds,
                follow_poll_seconds=POLL_SECONDS,
                max_turns=100,
                last_ends_seconds=0.1,
            )
            self._engines[name].start()

    def __getitem__(self, name: str) -> Engine:
        return self._engines[name]

    async def send(self, node: str, conversation_id: UUID | None = None) -> Admitted:
        """A turn begins on a process."""
        turn = admitted(conversation_id=conversation_id or uuid4())

        async def store() -> Admitted:
            self.stored.put(turn, node)
            return turn

        return await self[node].admit(store, lambda _: None)

    async def attach(
        self,
        node: str,
        conversation_id: UUID,
        turn_id: UUID | None = None,
        epoch: int | None = None,
        after: int | None = None,
        client: Client | None = None,
    ) -> Client:
        """A client attaches at a process, as the socket does."""
        if client is None:
            client = Client()
            self._pumps.append(asyncio.create_task(client.viewer.pump()))
        running = await self.stored.running_in([conversation_id])
        self[node].mirrors.follow(t for t in running if t.turn_id not in self.stored.ends)
        self[node].hub.attach(client.viewer, conversation_id, turn_id, epoch, after)
        return client

    def cut_off(self, name: str) -> None:
        """Nobody hears the process any more, and it hears nobody: it is gone, as others see it."""
        self.network.listeners.pop(name, None)
        alone = self.network.loses
        self.network.loses = lambda sender, to: sender == name or alone(sender, to)

    async def aclose(self) -> None:
        for pump in self._pumps:
            pump.cancel()
        for engine in self._engines.values():
            await engine.aclose()
        if self._pumps:
            await asyncio.wait(self._pumps)


def frames_of(client: Client, *types: str) -> list[dict[str, object]]:
    """The client's frames of these types."""
    wanted = [json.loads(frame) for frame in client.frames]
    return [frame for frame in wanted if frame["type"] in types]


def seen(client: Client) -> SeenTurn:
    """What a client holds by the rules of the protocol; fails at a gap, a double or a change."""
    turn = SeenTurn()
    for frame in frames_of(client, "snapshot", "chunk", "done"):
        turn.take(frame)
    return turn
