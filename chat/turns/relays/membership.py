"""Which relays turns may go to now: those of the environment, and those that administrators keep.

The latter may change at any time, through any process. What did not change keeps its client with
its open connections, its gate with who waits there, and its breaker with what it has learned.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager

import structlog

from chat.relay.breaker import Breaker
from chat.relay.client import RelayClient
from chat.relay.gates import Gate, OpenGate
from chat.relay.settings import RelaySettings
from chat.turns.relays.members import Member, succeed

log = structlog.get_logger(__name__)

FIRST_LIST_SECONDS = 2.0
"""A changed relay takes over once its list of models has come, and after this long anyway."""
LINGER_SECONDS = 20.0
"""Who was handed a client just before it left has this long to begin, or to read a document."""


class Membership:
    """Owns the clients of all relays, and the task that looks for changes.

    `stored` gives the relays of the database in any order; it is asked every `reload_seconds`,
    and at once after `nudge`. While it fails, the last set stays. `changed` is told of each new
    set of clients, in their order of preference.
    """

    def __init__(
        self,
        environment: Iterable[RelaySettings],
        stored: Callable[[], Awaitable[tuple[RelaySettings, ...]]] | None = None,
        *,
        make_client: Callable[[RelaySettings], RelayClient] = RelayClient,
        gate_for: Callable[[RelaySettings], Gate] = lambda _: OpenGate(),
        reload_seconds: float = 2.0,
        linger_seconds: float = LINGER_SECONDS,
    ) -> None:
        self._environment = tuple(environment)
        self._stored = stored
        self.changed: Callable[[tuple[RelayClient, ...]], None] = lambda _: None
        self._make_client = make_client
        self._gate_for = gate_for
        self._reload_seconds = reload_seconds
        self._linger_seconds = linger_seconds
        self._members = tuple(self._new_member(each, ()) for each in self._environment)
        self._leaving: dict[Member, asyncio.Task[None]] = {}
        self._nudged = asyncio.Event()
        self._loaded = asyncio.Event()
        self._failing = False
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    @property
    def clients(self) -> tuple[RelayClient, ...]:
        """The clients in their order of preference."""
        return tuple(member.client for member in self._members)

    async def ready(self) -> None:
        """Begin to look for changes; returns when the database has been asked once."""
        if self._stored is None or self._closed:
            return
        if self._task is None:
            self._task = asyncio.create_task(self._keep_looking(), name="relays")
        await self._loaded.wait()

    def nudge(self) -> None:
        """Look for changes now. To be called on the event loop."""
        self._nudged.set()

    def limits_of(self, client: RelayClient) -> tuple[Gate, Breaker]:
        """The gate and the breaker that attempts with this client have in common."""
        member = self._member(client)
        return member.gate, member.breaker

    @contextmanager
    def held(self, clients: Iterable[RelayClient]) -> Iterator[None]:
        """Keep the clients open in the `with` block, also those that leave meanwhile."""
        members = [self._member(client) for client in clients]
        for member in members:
            member.enter()
        try:
            yield
        finally:
            for member in members:
                member.leave()

    async def aclose(self) -> None:
        """Stop looking, and close every client."""
        self._closed = True
        tasks = [task for task in (self._task, *self._leaving.values()) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._loaded.set()
        for member in (*self._members, *self._leaving):
            await member.client.aclose()
        self._leaving.clear()

    async def _keep_looking(self) -> None:
        while True:
            await self._look()
            self._loaded.set()
            try:
                async with asyncio.timeout(self._reload_seconds):
                    await self._nudged.wait()
            except TimeoutError:
                continue

    async def _look(self) -> None:
        assert self._stored is not None
        self._nudged.clear()
        try:
            stored = await self._stored()
            wanted = sorted((*self._environment, *stored), key=lambda each: each.priority)
            if wanted != [member.settings for member in self._members]:
                await self._adopt(wanted)
        except Exception as error:
            # The database may be away for a while; turns go on with what was known.
            if not self._failing:
                log.warning("relays_not_loaded", error=type(error).__name__)
            self._failing = True
        else:
            self._failing = False

    async def _adopt(self, wanted: list[RelaySettings]) -> None:
        before = self._members
        members = tuple(self._new_member(each, before) for each in wanted)
        new = [member for member in members if member not in before]
        try:
            await _first_lists([member for member in new if member.succeeds])
        except BaseException:
            for member in new:
                await member.client.aclose()
            raise
        self._members = members
        for gone in [member for member in before if member not in members]:
            leaving = asyncio.create_task(self._see_off(gone), name="relay leaves")
            self._leaving[gone] = leaving
        log.info("relays_changed", relays=[member.shown for member in members])
        self.changed(self.clients)

    def _new_member(self, settings: RelaySettings, before: tuple[Member, ...]) -> Member:
        return succeed(settings, before, self._make_client, self._gate_for)

    async def _see_off(self, member: Member) -> None:
        await member.unused()
        await asyncio.sleep(self._linger_seconds)
        await member.unused()
        await member.client.aclose()
        self._leaving.pop(member)

    def _member(self, client: RelayClient) -> Member:
        known = (*self._members, *self._leaving)
        return next(member for member in known if member.client is client)


async def _first_lists(members: list[Member]) -> None:
    """Ask for the lists of models, so that no model is missing for a moment because somebody
    changed the weight of its relay."""
    asking = [asyncio.ensure_future(member.client.models()) for member in members]
    if not asking:
        return
    try:
        await asyncio.wait(asking, timeout=FIRST_LIST_SECONDS)
    finally:
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
