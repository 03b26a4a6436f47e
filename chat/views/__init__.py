"""The pages of the chat, the probes of its operator, and what is shown instead of a page."""

from chat.views.batches import (
    batch,
    batch_delete,
    batch_line,
    batch_resume,
    batch_stop,
    batches,
)
from chat.views.description import doors, openapi
from chat.views.failures import page_not_found, server_error
from chat.views.keys import key_budget, key_revoke, keys, new_key, team_keys
from chat.views.metrics import metrics
from chat.views.page import conversation, new_chat
from chat.views.probes import health, ready

__all__ = [
    "batch",
    "batch_delete",
    "batch_line",
    "batch_resume",
    "batch_stop",
    "batches",
    "conversation",
    "doors",
    "health",
    "key_budget",
    "key_revoke",
    "keys",
    "metrics",
    "new_chat",
    "new_key",
    "openapi",
    "page_not_found",
    "ready",
    "server_error",
    "team_keys",
]
