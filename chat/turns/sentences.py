"""What a person reads when a turn fails: what happened and what to do, never the relay's words."""

import math
from uuid import UUID

from chat.protocol import Notice
from chat.relay.types import FallbackNotice, ResumeNotice, RetryNotice, WaitingNotice

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


def sentence_for(code: str, retry_after_seconds: float | None = None) -> str:
    """The sentence for an error code; with when to try again, where the relay says so."""
    sentence = SENTENCES.get(code, SENTENCES["internal_error"])
    if retry_after_seconds is None or code not in SENTENCES_WITH_A_TIME:
        return sentence
    return SENTENCES_WITH_A_TIME[code].format(time=_in_words(retry_after_seconds))


SENTENCES_WITH_A_TIME = {
    "relay_rate_limited": "The relay is busy and asks to wait. Try again in {time}.",
    "relay_unavailable": "The relay did not answer. It is tried again in {time}.",
}

SILENCE = "The relay is silent. Still waiting for it."
KEPT = "The database does not answer. The answer is kept and will be stored when it is back."

BUSY = {
    "relay_rate_limited": "The relay is busy.",
    "relay_timeout": "The relay took too long.",
    "relay_auth": "The relay refused this server's key.",
    "model_unknown": "The relay does not know this model.",
}


def notice_of(
    turn_id: UUID, notice: RetryNotice | FallbackNotice | ResumeNotice | WaitingNotice
) -> Notice:
    """What a person reads while an answer is on its way, never the relay's words."""
    if isinstance(notice, RetryNotice):
        seconds = max(1, round(notice.delay_seconds))
        detail = f"{_reason(notice)} Trying again in {seconds} s."
        return Notice(turn_id, "retrying", detail)
    if isinstance(notice, FallbackNotice):
        return Notice(turn_id, "fallback", f"{_reason(notice)} Trying another relay.")
    if isinstance(notice, ResumeNotice):
        return Notice(
            turn_id, "resumed", "The connection to the relay was lost. Going on from here."
        )
    if notice.position is not None:
        detail = f"Waiting in line: place {notice.position}."
    elif notice.delay_seconds is not None:
        detail = f"The relay's limit is reached. Going on in {_in_words(notice.delay_seconds)}."
    else:
        detail = "Waiting in line."
    return Notice(
        turn_id, "waiting", detail, position=notice.position, delay_seconds=notice.delay_seconds
    )


def _reason(notice: RetryNotice | FallbackNotice) -> str:
    return BUSY.get(notice.error.code, "The relay did not answer.")


def _in_words(seconds: float) -> str:
    if seconds < 120:
        return f"{max(1, math.ceil(seconds))} s"
    return f"{math.ceil(seconds / 60)} min"
