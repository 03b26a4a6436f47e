"""What a person reads when a turn fails: what happened and what to do, never the relay's words."""

from chat.relay.types import RetryNotice

SENTENCES = {
    "relay_auth": "The relay refused this server's key. Tell an administrator.",
    "relay_rate_limited": "The relay is busy and asks to wait. Try again later.",
    "relay_unavailable": "The relay did not answer. Try again.",
    "relay_timeout": "The relay took too long. Try again, or continue from here.",
    "relay_stream_broken": "The connection to the relay was lost. Continue from here or try again.",
    "relay_truncated": "The answer may be cut: the relay closed it early. Continue from here.",
    "relay_error": "The relay reported an error. Try again, or choose another model.",
    "relay_protocol": "The relay sent something that is not an answer. Tell an administrator.",
    "model_unknown": "The relay does not know this model. Choose another one.",
    "storage_unavailable": "The database does not answer. Try again in a moment.",
    "restarting": "The server restarted while this answer was written. Continue from here.",
    "internal_error": "Something went wrong on the server. Try again; if it stays, tell an "
    "administrator.",
}


def sentence_for(code: str) -> str:
    """The sentence for an error code."""
    return SENTENCES.get(code, SENTENCES["internal_error"])


SILENCE = "The relay is silent. Still waiting for it."

BUSY = {
    "relay_rate_limited": "The relay is busy.",
    "relay_timeout": "The relay took too long.",
}


def retrying(notice: RetryNotice) -> str:
    """What a person reads while the next try is waited for."""
    reason = BUSY.get(notice.error.code, "The relay did not answer.")
    return f"{reason} Trying again in {max(1, round(notice.delay_seconds))} s."
