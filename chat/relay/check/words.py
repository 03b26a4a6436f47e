"""What each finding of a check says. Doors may say it in another language, by the same code."""

from __future__ import annotations

SENTENCES = {
    # The address.
    "address_ok": "{host} is at {addresses}.",
    "address_invalid": "This is no http or https address.",
    "address_unresolved": "Nobody here knows the name {host}. Is it spelled right?",
    "address_refused": "The address leads to a network that is not allowed.",
    # Whether somebody answers there.
    "reachable": "The relay answers.",
    "unreachable": "The relay cannot be reached.",
    "out_of_order": "The relay answers with status {status}: it is out of order.",
    "busy": "The relay is busy and asks to wait.",
    # The key.
    "key_ok": "The relay does not refuse the key.",
    "key_odd": "The relay does not refuse the key, though it begins with none of {prefixes}.",
    "key_none": "There is no key, and the relay does not ask for one.",
    "key_empty": "There is no key, and the relay asks for one. Set it.",
    "key_placeholder": "The key is the placeholder of the documents. Set the real one.",
    "key_malformed": "The key holds characters that no key has. Set it anew.",
    "key_refused": "The relay refuses the key. Copy it anew from the relay's site.",
    "key_forbidden": "The relay forbids the key this. See at the relay what the key may do.",
    "key_unknown": "Not known: the relay did not say.",
    # The models.
    "models_ok": "{count} models, such as {names}.",
    "models_none": "The relay lists no models.",
    "models_excluded": "None of the relay's {count} models is among those that may be used.",
    "models_unread": "What the relay sent is no list of models.",
    # Answers.
    "answer_ok": "{model} answers: first token after {ttft_ms} ms, {rate} tokens a second.",
    "answer_quick": "{model} answers: first token after {ttft_ms} ms.",
    "answer_without_usage": "{model} answers, first token after {ttft_ms} ms, but without usage: "
    "costs will be estimated.",
    "answer_by_another": "{model} was asked, and {echoed} answered.",
    "answer_empty": "{model} answers without a word.",
    "model_unknown": "The relay does not know {model}.",
    "relay_auth": "The relay refuses the key when asked for an answer.",
    "relay_rate_limited": "The relay is busy and asks to wait.",
    "relay_unavailable": "The relay gave no answer.",
    "relay_timeout": "The relay did not answer in time.",
    "relay_stream_broken": "The connection was lost in the middle of an answer.",
    "relay_truncated": "The relay closed the answer too early.",
    "relay_protocol": "What the relay sent is no answer.",
    "relay_error": "The relay reported an error.",
    "websocket_opens": "The relay opens a WebSocket.",
    "websocket_refused": "No WebSocket here: answers come by SSE.",
    "websocket_needed": "No WebSocket here, and this relay is set to use nothing else.",
    # The relay's account of us.
    "usage_ok": "{used:,} tokens used, {granted:,} granted.",
    "usage_used": "{used:,} tokens used.",
    "usage_unread": "The relay offers it, but without the figures.",
    "usage_absent": "The relay does not offer it.",
    # Why a step was not made.
    "skipped_answers": "Not tried, as asked.",
    "skipped_failed": "Not tried, because of what failed before.",
    "skipped_no_model": "Not tried: there is no model to ask.",
    "skipped_time": "Not tried: the check took too long.",
    "skipped_transport": "Not tried: this relay is set not to use it.",
    "timeout": "No result within {seconds} s.",
}
