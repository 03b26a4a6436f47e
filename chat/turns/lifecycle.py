"""Start and drain of the engine, as the server calls them."""

import structlog
from django.conf import settings

from billing.tokens import count_tokens
from chat.crossing import cross
from chat.services.recovery import recover_turn, running_turns
from chat.turns.engine import engine, forget_engine
from chat.turns.relays import directory

log = structlog.get_logger(__name__)

_draining = False


async def start() -> None:
    """Settle what an earlier process left behind, then begin.

    Only an embedded server does so: it is alone with its database, so whatever is stored as
    running belongs to a process that died.
    """
    if not settings.SITE.redis_url:
        for turn_id in await cross(running_turns):
            if await cross(recover_turn, turn_id) is not None:
                log.info("turn_recovered", turn=str(turn_id))
    # The tokenizer takes a third of a second to load: not in somebody's first Stop.
    await cross(count_tokens, "warm", "gpt-4.1")
    engine()


async def drain(seconds: float) -> None:
    """Refuse new turns, let the running ones end for up to `seconds`, settle the rest, close."""
    global _draining
    _draining = True
    running = engine()
    await running.drain(seconds)
    if forget_engine() is not None:
        await running.aclose()
    await directory().aclose()


def is_draining() -> bool:
    """Whether this server takes no new work any more."""
    return _draining
