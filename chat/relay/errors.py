"""Everything that may go wrong with a relay.

Each error has a stable `code`; its docstring is the message when the relay gave none. Two facts
decide what happens next: `retryable` (trying again on the same route may help, as long as nothing
of the answer has arrived) and `sent` (the relay may have begun to generate, and so may bill).
"""

from __future__ import annotations

LONGEST_RETRY_AFTER_SECONDS = 366 * 86_400.0


class RelayError(Exception):
    """The relay could not answer."""

    code: str = "relay_error"
    default_retryable: bool = False
    default_sent: bool = True

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        retry_after_seconds: float | None = None,
        retryable: bool | None = None,
        sent: bool | None = None,
    ) -> None:
        """Born from plain values.

        `message` must already be free of the key; `status` is the relay's HTTP status;
        `retry_after_seconds` is the wait that the relay asked for; `retryable` and `sent`
        default to what is true of the class.
        """
        self.message = message or (type(self).__doc__ or "").splitlines()[0]
        super().__init__(self.message)
        self.status = status
        if retry_after_seconds is not None:
            # Whoever writes a moment or a number of minutes must not meet infinity.
            retry_after_seconds = min(retry_after_seconds, LONGEST_RETRY_AFTER_SECONDS)
        self.retry_after_seconds = retry_after_seconds
        self.retryable = self.default_retryable if retryable is None else retryable
        self.sent = self.default_sent if sent is None else sent

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, status={self.status}, sent={self.sent})"


class RelayReported(RelayError):
    """The relay reported an error."""

    code = "relay_error"


class RelayAuth(RelayError):
    """The relay refused our key."""

    code = "relay_auth"
    default_sent = False


class RelayRateLimited(RelayError):
    """The relay is limiting our rate."""

    code = "relay_rate_limited"
    default_retryable = True
    default_sent = False


class ModelUnknown(RelayError):
    """The relay does not know this model."""

    code = "model_unknown"
    default_sent = False

    def __init__(
        self,
        message: str = "",
        *,
        model: str = "",
        near_matches: tuple[str, ...] = (),
        status: int | None = None,
    ) -> None:
        """`model` is the name asked for; `near_matches` are names that the relay does list."""
        super().__init__(message, status=status)
        self.model = model
        self.near_matches = near_matches


class RelayUnavailable(RelayError):
    """The relay cannot be reached or is out of order."""

    code = "relay_unavailable"
    default_retryable = True


class NoRelay(RelayUnavailable):
    """No relay is configured. An administrator adds one in the administration."""

    default_retryable = False
    default_sent = False


class RelayTimeout(RelayError):
    """The relay did not answer in time."""

    code = "relay_timeout"
    default_retryable = True


class RelayStreamBroken(RelayError):
    """The connection to the relay was lost in the middle of an answer."""

    code = "relay_stream_broken"


class RelayTruncated(RelayError):
    """The relay closed the answer without saying that it was finished; it may be cut."""

    code = "relay_truncated"


class RelayProtocol(RelayError):
    """The relay sent something that is not an answer."""

    code = "relay_protocol"
