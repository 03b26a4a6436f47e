"""Start and drain of the engine, as the server calls them."""

from uuid import UUID

import structlog
from django.conf import settings

from billing.tokens import count_tokens
from chat.crossing import cross
from chat.services.recovery import recover_turn, running_turns
from chat.turns.engines import engine, forget_engine
from chat.turns.limits import close_gates
from chat.turns.relays import directory
from chat.turns.relays.first_look import look_at_relays as look_at_relays

log = structlog.get_logger(__name__)

_draining = False
_taken_over = False


async def start(role: str) -> None:
    """Settle what an earlier process left behind, then begin.

    Only an embedded server does so: it is alone with its database, so whatever is stored as
    running belongs to a process that died.
    """
    engine(role)
    if not settings.SITE.redis_url:
        # The doors are open already: what was sent through them meanwhile is not left behind.
        for turn_id in await cross(running_turns, besides_node=engine().node):
            await _recover(turn_id)
    # So that the first send finds the lists of models.
    await directory().ready()
    # The tokenizer takes a third of a second to load: not in somebody's first Stop.
    await cross(count_tokens, "warm", "gpt-4.1")


async def _recover(turn_id: UUID) -> None:
    try:
        if await cross(recover_turn, turn_id) is not None:
            log.info("turn_recovered", turn=str(turn_id))
    except Exception:
        # One turn that cannot be settled must not keep the whole site from starting.
        log.exception("turn_not_recovered", turn=str(turn_id))


def begin_drain(*, taken_over: bool) -> None:
    """Take no new work any more. `taken_over`: other processes accept what comes to the same
    address."""
    global _draining, _taken_over
    _draining, _taken_over = True, taken_over


async def drain(seconds: float) -> None:
    """Refuse new turns, let the running ones end for up to `seconds`, settle the rest, close."""
    running = engine()
    await running.drain(seconds)
    if forget_engine() is not None:
        await running.aclose()
    await directory().aclose()
    await close_gates()


def is_draining() -> bool:
    """Whether this process takes no new work any more."""
    return _draining


def is_closed() -> bool:
    """Whether nothing is answered at this address any more but that it restarts: this process
    drains, and no other one shares its port."""
    return _draining and not _taken_over
