"""Why a use case refuses. Each error carries the protocol's code and what a person should know."""

from typing import Any

from accounts.policy import Forbidden, NotVisible


class Refused(Exception):
    """This cannot be done."""

    code = "bad_frame"
    retry_after_seconds: float | None = None

    def __init__(self, message: str = "", **detail: Any) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.message = str(self)
        self.detail: dict[str, Any] | None = detail or None


class ContentInvalid(Refused):
    """The message is empty or too long."""


class IdempotencyMismatch(Refused):
    """This id was used before with another content. Send again with a new id."""

    code = "idempotency_mismatch"


class AnswerForgotten(Refused):
    """This was asked and answered before, and the answer's text is not kept any more. Ask with a
    new id, or without one."""

    code = "answer_forgotten"


class TooManyTurns(Refused):
    """Too many answers are being written at once. Wait for one to end, or stop it."""

    code = "too_many_turns"


class PlaceTaken(TooManyTurns):
    """An answer is still being written here. Wait for it, or stop it."""


class LineFull(TooManyTurns):
    """Too many messages wait already. Send again when an answer has ended."""


class RateLimited(Refused):
    """A limit of the person or the team is reached; `retry_after_seconds` says for how long."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after_seconds: float, **detail: Any) -> None:
        super().__init__(message, **detail)
        self.retry_after_seconds = retry_after_seconds


class TooManyWatched(Refused):
    """This connection watches as many conversations as it may. Let go of one first."""

    code = "rate_limited"


class ModelUnknown(Refused):
    """No relay offers this model any more. Choose another one; what was written stays."""

    code = "model_unknown"


class ModelNotAllowed(Refused):
    """This model has no price yet. Ask an administrator to set one."""

    code = "model_not_allowed"


class ModelUnpriced(ModelNotAllowed):
    """This model has no price yet. Ask an administrator to set one."""

    def __init__(self, model: str) -> None:
        super().__init__(model=model, reason="no_price")
        self.model = model


class ModelForbidden(ModelNotAllowed):
    """Administrators do not allow this model. Choose another one."""


class ModelBeyondKey(ModelNotAllowed):
    """This API key may not ask this model. Choose one of the key's list, or use another key."""


class BudgetTooSmall(Refused):
    """The team's budget does not cover this message."""

    code = "budget_exhausted"


class StorageUnavailable(Refused):
    """The database does not answer. Your text is kept; try again in a moment."""

    code = "storage_unavailable"


class Restarting(Refused):
    """The server is restarting. Your text is kept; it reconnects by itself."""

    code = "restarting"


class NoRunner(Restarting):
    """No process that writes answers runs right now. Your text is kept; try again in a moment."""

    retry_after_seconds = 5.0


__all__ = [
    "AnswerForgotten",
    "BudgetTooSmall",
    "ContentInvalid",
    "Forbidden",
    "IdempotencyMismatch",
    "LineFull",
    "ModelBeyondKey",
    "ModelForbidden",
    "ModelNotAllowed",
    "ModelUnknown",
    "ModelUnpriced",
    "NoRunner",
    "NotVisible",
    "PlaceTaken",
    "RateLimited",
    "Refused",
    "Restarting",
    "StorageUnavailable",
    "TooManyTurns",
]
