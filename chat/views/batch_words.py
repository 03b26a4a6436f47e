"""Why a line failed and why a batch stopped, in sentences that say what to do."""

from django.utils.translation import gettext_lazy as _

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
