"""Why a batch is refused or stopped and why a line failed, in sentences that say what to do."""

from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from billing.formatting import shown_count
from chat.services.errors import Refused

LINE_WORDS = {
    "relay_auth": _("The relay refused this server’s key. Tell an administrator."),
    "relay_rate_limited": _("The relay was busy to the last try. Send the line again later."),
    "relay_unavailable": _("The relay did not answer. Send the line again."),
    "relay_timeout": _("The relay took too long. Send the line again, or ask for less."),
    "relay_stream_broken": _("The connection to the relay was lost. Send the line again."),
    "relay_truncated": _("The relay ended the answer early. Send the line again."),
    "relay_error": _("The relay reported an error. Send the line again, or choose another model."),
    "relay_protocol": _("The relay sent something that is no answer. Tell an administrator."),
    "budget_exhausted": _("The budget does not cover this line. Ask an owner to raise it."),
    "internal_error": _("Something went wrong on the server. Send the line again."),
}
STOP_WORDS = {
    "budget_exhausted": _("The budget is used up. When there is more, let the batch go on."),
    "restarting": _("The server was restarted. Let the batch go on."),
}


def error_words(code: str, message: str) -> str:
    """Return the sentence for a line's error; the server's own where that says more."""
    return str(LINE_WORDS.get(code, message))


def stop_words(code: str, message: str) -> str:
    """Return the sentence for the end of a batch that nobody stopped."""
    return str(STOP_WORDS.get(code, message))


def refusal_words(refused: Refused) -> str:
    """Return why a batch is not taken; the service's own sentence where that says more."""
    detail: dict[str, Any] = refused.detail or {}
    if "limit_lines" in detail:
        said = _("A batch has at most %(most)s lines. Make several of it.")
        return str(said) % {"most": shown_count(detail["limit_lines"])}
    if "limit_bytes" in detail:
        said = _("A batch has at most %(most)s. Make several of it.")
        return str(said) % {"most": filesizeformat(detail["limit_bytes"])}
    if detail.get("limit") == "running_batches":
        said = _("As many of your batches run as may (%(most)s). Wait for one to end, or stop one.")
        return str(said) % {"most": shown_count(detail["maximum"])}
    if refused.code == "rate_limited":
        return str(_("Too much is asked at once. Ask again in a moment."))
    return refused.message
