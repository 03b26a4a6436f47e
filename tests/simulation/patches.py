"""What of the product must not reach the real world during a run: clocks, threads, logs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock, patch

import structlog

from chat import crossing
from chat.consumers import commands
from chat.queries.running import Watchable
from chat.services.interruption import TurnPlace
from chat.turns import endings, runner
from chat.turns.broadcast import Broadcast
from tests.simulation.door import TEAM
from tests.simulation.rows import TurnRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.world import World


class _InOrder(dict[Any, None]):
    """A set whose order is that of its members' coming, in every run."""

    def add(self, member: object) -> None:
        self[member] = None

    def discard(self, member: object) -> None:
        self.pop(member, None)


class _Directory:
    async def models(self) -> None:
        """Nobody looks at them here."""


def _statements(world: World) -> dict[str, Callable[..., Any]]:
    """What the socket's verbs ask of the database, by the name of the service or query."""
    tables = world.database.tables

    def start_turn(principal: Any, intent: Any, *, models: object, node: str, **_: Any) -> object:
        return tables.start_turn(
            principal.user_id, intent.client_id, intent.conversation_id, TEAM, node
        )

    def place_to_interrupt(_principal: Any, turn_id: Any) -> object:
        return place(tables.turns[turn_id])

    def request_interrupt(principal: Any, turn_id: Any) -> object:
        return place(tables.request_interrupt(turn_id, principal.user_id))

    def place(row: TurnRow) -> TurnPlace:
        return TurnPlace(row.id, row.conversation, row.node, row.state == "running", may_read=True)

    return {
        "send": start_turn,
        "place_to_interrupt": place_to_interrupt,
        "request_interrupt": request_interrupt,
        "stored_end": tables.stored_end,
        "watchable": lambda _principal, id: Watchable(TEAM, tuple(tables.running_in([id]))),
    }


@contextmanager
def simulated(world: World) -> Iterator[None]:
    """Let the product's clock, its database and its log be those of a run."""
    statements = _statements(world)

    async def cross(fn: Any, *args: Any, **kwargs: Any) -> Any:
        while isinstance(fn, partial):
            fn, args, kwargs = fn.func, (*fn.args, *args), {**fn.keywords, **kwargs}
        if fn.__name__ not in statements:
            raise LookupError(f"the simulated database knows no {fn.__name__}: see patches.py")
        act = partial(statements[fn.__name__], *args, **kwargs)
        return await world.database.ask(fn.__name__, act)

    class WallClock:
        @staticmethod
        def now(zone: tzinfo | None = None) -> datetime:
            return datetime.fromtimestamp(world.wall_seconds(), UTC) + timedelta()

    made = Broadcast.__init__

    def make(self: Broadcast, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        self.watchers = _InOrder()  # type: ignore[assignment]

    clock = SimpleNamespace(monotonic_ns=lambda: int(world.loop.time() * 1e9))
    processors = structlog.get_config()["processors"]
    before = list(processors)
    with ExitStack() as stack:
        enter = stack.enter_context
        for module in [*sys.modules.values()]:
            if getattr(module, "cross", None) is crossing.cross and module is not crossing:
                enter(patch.object(module, "cross", cross))
        enter(patch.object(commands, "directory", _Directory))
        # Who is there and who types is not of this simulation.
        enter(patch.object(commands, "exchange", Mock))
        enter(patch.object(runner, "time", clock))
        enter(patch.object(endings, "datetime", WallClock))
        enter(patch.object(Broadcast, "__init__", make))
        processors[:] = [world.trace.take_log, _drop]
        try:
            yield
        finally:
            processors[:] = before


def _drop(_logger: object, _method: str, _event: object) -> Any:
    raise structlog.DropEvent
