"""Any refusal as the protocol's `error` event."""

from uuid import UUID

import structlog
from django.db import Error as DatabaseError

from accounts.policy import PolicyRefusal
from chat.protocol import BadFrame, Error
from chat.relay.errors import ModelUnknown, NoRelay, RelayError
from chat.services.errors import Refused, StorageUnavailable
from chat.turns.sentences import sentence_for

log = structlog.get_logger(__name__)


def error_event(error: Exception, *, id: UUID | None = None, turn: UUID | None = None) -> Error:
    """What the client is told. An error nobody foresaw is logged and told without its details."""
    if isinstance(error, BadFrame):
        return Error("bad_frame", error.message, id=error.id, detail={"path": error.path})
    if isinstance(error, Refused):
        return Error(
            error.code,  # type: ignore[arg-type]
            error.message,
            id=id,
            turn=turn,
            retry_after_seconds=error.retry_after_seconds,
            detail=error.detail,
        )
    if isinstance(error, PolicyRefusal):
        return Error(error.code, str(error), id=id, turn=turn)  # type: ignore[arg-type]
    if isinstance(error, ModelUnknown):
        near = list(error.near_matches)
        detail = {"model": error.model, "near_matches": near}
        hint = f"Did you mean {', '.join(near)}?" if near else "Choose another one."
        message = f"No relay offers the model {error.model} now. {hint}"
        return Error("model_unknown", message, id=id, turn=turn, detail=detail)
    if isinstance(error, NoRelay):
        detail = {"reason": "no_relay"}
        return Error("relay_unavailable", error.message, id=id, turn=turn, detail=detail)
    if isinstance(error, RelayError):
        log.warning("relay_refused", code=error.code, relay_message=error.message)
        return Error(
            error.code,  # type: ignore[arg-type]
            sentence_for(error.code),
            id=id,
            turn=turn,
            retry_after_seconds=error.retry_after_seconds,
        )
    if isinstance(error, DatabaseError):
        log.error("storage_unavailable", exc_info=error)
        return Error("storage_unavailable", StorageUnavailable().message, id=id, turn=turn)
    log.error("command_failed", exc_info=error)
    return Error("internal_error", sentence_for("internal_error"), id=id, turn=turn)
