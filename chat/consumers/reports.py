"""What clients report: that they held another text than is stored."""

import structlog

from accounts.policy import Principal
from chat import protocol
from chat.crossing import cross
from chat.services.mismatches import weigh_report
from chat.turns import metrics

log = structlog.get_logger(__name__)


async def note_report(principal: Principal, command: protocol.Report) -> None:
    """Count and log a mismatch, without the text. Raises NotVisible."""
    told = command.turn, command.sha256, command.characters
    mismatch = await cross(weigh_report, principal, *told)
    if mismatch is not None:
        metrics.TEXT_MISMATCHES.inc()
        log.error(
            "text_mismatch",
            turn=str(mismatch.turn_id),
            epoch=mismatch.epoch,
            held_characters=mismatch.held_characters,
            stored_characters=mismatch.stored_characters,
        )
