"""Whatever the product refuses, as a program is told it."""

import structlog
from django.db import Error as DatabaseError

from accounts.policy import Forbidden, PolicyRefusal
from chat.completions import ProgramError
from chat.relay.errors import ModelUnknown, NoRelay, RelayError
from chat.services.errors import Refused, StorageUnavailable
from chat.turns.sentences import sentence_for

log = structlog.get_logger(__name__)

COME_AGAIN_SECONDS = {"restarting": 5.0, "storage_unavailable": 5.0, "too_many_turns": 1.0}
"""When to ask again where the refusal itself does not say it."""
NOT_ALLOWED = (
    "The role of this key's person in the team does not allow this. Ask an owner of the team."
)


def explain(error: Exception) -> ProgramError:
    """Return what is told. An error nobody foresaw is logged and told without its details."""
    if isinstance(error, ProgramError):
        return error
    if isinstance(error, Refused):
        detail = dict(error.detail or {})
        path = detail.pop("path", None)
        return _told(error.code, error.message, path, error.retry_after_seconds, detail)
    if isinstance(error, Forbidden) and error.scope is None:
        return ProgramError(error.code, NOT_ALLOWED)
    if isinstance(error, PolicyRefusal):
        return ProgramError(error.code, str(error))
    if isinstance(error, ModelUnknown):
        near = list(error.near_matches)
        hint = f"Did you mean {', '.join(near)}?" if near else "`GET /v1/models` lists them all."
        message = f"No relay offers the model {error.model[:200]!r}. {hint}"
        detail = {"near_matches": near}
        return ProgramError("model_unknown", message, param="model", detail=detail)
    if isinstance(error, NoRelay):
        return ProgramError("relay_unavailable", error.message)
    if isinstance(error, RelayError):
        # The relay's own words may name what only administrators should know.
        log.warning("relay_refused", code=error.code, relay_message=error.message)
        return _told(error.code, sentence_for(error.code), None, error.retry_after_seconds, {})
    if isinstance(error, DatabaseError):
        log.error("storage_unavailable", exc_info=error)
        return _told("storage_unavailable", StorageUnavailable().message, None, None, {})
    log.error("v1_failed", exc_info=error)
    return ProgramError("internal_error", sentence_for("internal_error"))


def _told(
    code: str,
    message: str,
    param: str | None,
    seconds: float | None,
    detail: dict[str, object],
) -> ProgramError:
    if seconds is None:
        seconds = COME_AGAIN_SECONDS.get(code)
    if param is None and code.startswith("model_"):
        param = "model"
    return ProgramError(
        code, message, param=param, retry_after_seconds=seconds, detail=detail or None
    )
