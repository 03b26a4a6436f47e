"""What follows the end of a turn once it is stored and told: nobody waits for it."""

import structlog

from chat.crossing import cross
from chat.relay.likeness import text_kind
from chat.services.ending import TurnEnd
from chat.services.truth import Texts, weigh_turn
from chat.turns.relays import SCRIPTED_RELAY

log = structlog.get_logger(__name__)

SCRIPTED = frozenset({SCRIPTED_RELAY})


async def weigh(end: TurnEnd) -> None:
    """Let the truth meter weigh what the relays reported. A fault of it costs the turn nothing."""
    completed = [each for each in end.attempts if each.outcome == "completed"]
    if not completed:
        return
    last = completed[-1]
    reasoning = last.usage.reasoning_tokens if last.usage is not None else None
    try:
        await cross(_weigh, end, last.prompt[-1].content, last.generated, reasoning or 0)
    except Exception:
        log.exception("turn_not_weighed", turn=str(end.turn_id))


def _weigh(end: TurnEnd, prompt: str, generated: str, reasoning_tokens: int) -> None:
    texts = Texts(text_kind(prompt), text_kind(generated), reasoning_tokens)
    weigh_turn(end.turn_id, texts, scripted=SCRIPTED)
