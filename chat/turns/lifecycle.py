"""Start and drain of the engine, as the server calls them."""

from django.conf import settings
from django.db import connection

from billing.tokens import count_tokens
from chat.crossing import cross
from chat.services.leases import forget_others
from chat.turns.engines import engine
from chat.turns.limits import close_gates
from chat.turns.relays import directory
from chat.turns.relays.first_look import look_at_relays as look_at_relays
from chat.turns.upkeep import upkeeps

_upkeeps = upkeeps()
_draining = False
_taken_over = False


async def start(role: str) -> None:
    """Begin, and settle what an earlier process left behind.

    Who is alone with its database (SQLite) need not wait until leases run out: whatever runs
    elsewhere belongs to a process that died. Raises SecondProcess, StorageUnavailable.
    """
    running = engine(role)
    if connection.vendor == "sqlite":
        # The doors are open already: what was sent through them meanwhile is not left behind.
        await running.beat.first()
        await cross(forget_others, running.node)
        while await running.orphans.adopt_some(settings.NODES.lease_seconds):
            pass
    # So that the first send finds the lists of models.
    await directory().ready()
    # The tokenizer takes a third of a second to load: not in somebody's first Stop.
    await cross(count_tokens, "warm", "gpt-4.1")
    for upkeep in _upkeeps:
        upkeep.start()


def begin_drain(*, taken_over: bool) -> None:
    """Take no new work any more. `taken_over`: other processes accept what comes to the same
    address."""
    global _draining, _taken_over
    _draining, _taken_over = True, taken_over


async def drain(seconds: float) -> None:
    """Refuse new turns, let the running ones end for up to `seconds`, interrupt and settle the
    rest. Journal and bus go on: whoever watches from elsewhere sees all of it."""
    await engine().drain(seconds)


async def close() -> None:
    """End everything, after a drain. The engine stays where it is found, and takes nothing."""
    for upkeep in _upkeeps:
        await upkeep.aclose()
    await engine().aclose()
    await directory().aclose()
    await close_gates()


def is_draining() -> bool:
    """Whether this process takes no new work any more."""
    return _draining


def is_closed() -> bool:
    """Whether nothing is answered at this address any more but that it restarts: this process
    drains, and no other one shares its port."""
    return _draining and not _taken_over
