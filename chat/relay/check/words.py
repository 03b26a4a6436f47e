"""What each finding of a check says. Doors may say it in another language, by the same code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def _(text: str) -> str:
    """Mark a text for those who translate."""
    return text


SENTENCES = {
    # The address.
    "address_ok": _("{host} is at {addresses}."),
    "address_invalid": _("This is no http or https address."),
    "address_unresolved": _("Nobody here knows the name {host}. Is it spelled right?"),
    "address_refused": _("The address leads to a network that is not allowed."),
    # Whether somebody answers there.
    "reachable": _("The relay answers."),
    "unreachable": _("The relay cannot be reached."),
    "out_of_order": _("The relay answers with status {status}: it is out of order."),
    "busy": _("The relay is busy and asks to wait."),
    # The key.
    "key_ok": _("The relay does not refuse the key."),
    "key_odd": _("The relay does not refuse the key, though it begins with none of {prefixes}."),
    "key_none": _("There is no key, and the relay does not ask for one."),
    "key_empty": _("There is no key, and the relay asks for one. Set it."),
    "key_placeholder": _("The key is the placeholder of the documents. Set the real one."),
    "key_malformed": _("The key holds characters that no key has. Set it anew."),
    "key_refused": _("The relay refuses the key. Copy it anew from the relay's site."),
    "key_forbidden": _("The relay forbids the key this. See at the relay what the key may do."),
    "key_sealed": _("The key does not open with the secrets of this installation. Enter it anew."),
    "key_missing": _("This relay has no key yet. Add one."),
    "key_unknown": _("Not known: the relay did not say."),
    # The models.
    "models_ok": _("Models: {count}, such as {names}."),
    "models_none": _("The relay lists no models."),
    "models_excluded": _("None of the relay's {count} models is among those that may be used."),
    "models_unread": _("What the relay sent is no list of models."),
    # Answers.
    "answer_ok": _("{model} answers: first token after {ttft_ms} ms, {rate} tokens a second."),
    "answer_quick": _("{model} answers: first token after {ttft_ms} ms."),
    "answer_without_usage": _(
        "{model} answers, first token after {ttft_ms} ms, but without usage: "
        "costs will be estimated."
    ),
    "answer_by_another": _("{model} was asked, and {echoed} answered."),
    "answer_empty": _("{model} answers without a word."),
    "model_unknown": _("The relay does not know {model}."),
    "relay_auth": _("The relay refuses the key when asked for an answer."),
    "relay_rate_limited": _("The relay is busy and asks to wait."),
    "relay_unavailable": _("The relay gave no answer."),
    "relay_timeout": _("The relay did not answer in time."),
    "relay_stream_broken": _("The connection was lost in the middle of an answer."),
    "relay_truncated": _("The relay closed the answer too early."),
    "relay_protocol": _("What the relay sent is no answer."),
    "relay_error": _("The relay reported an error."),
    "websocket_opens": _("The relay opens a WebSocket."),
    "websocket_refused": _("No WebSocket here: answers come by SSE."),
    "websocket_needed": _("No WebSocket here, and this relay is set to use nothing else."),
    # The relay's account of us.
    "usage_ok": _("{used} tokens used, {granted} granted."),
    "usage_used": _("{used} tokens used."),
    "usage_unread": _("The relay offers it, but without the figures."),
    "usage_absent": _("The relay does not offer it."),
    # Why a step was not made.
    "skipped_answers": _("Not tried, as asked."),
    "skipped_failed": _("Not tried, because of what failed before."),
    "skipped_no_model": _("Not tried: there is no model to ask."),
    "skipped_time": _("Not tried: the check took too long."),
    "skipped_transport": _("Not tried: this relay is set not to use it."),
    "timeout": _("No result within {seconds} s."),
}


def _grouped(number: int) -> str:
    return f"{number:,}"


def sentence_of(
    code: str,
    facts: Mapping[str, Any],
    template: str = "",
    number: Callable[[int], str] = _grouped,
) -> str:
    """Fill the facts into the sentence of a code, or into `template`, which says the same.
    `number` writes a whole number as that language does."""
    shown = {name: number(fact) if isinstance(fact, int) else fact for name, fact in facts.items()}
    return (template or SENTENCES[code]).format(**shown)
