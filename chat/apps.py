"""Chat: conversations, turns, the sockets and pages."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from billing.conversation_titles import tell_titles_by


class ChatConfig(AppConfig):
    """Floors 2 to 5."""

    name = "chat"
    verbose_name = _("Chat")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let what is told of rights and conversations reach the sockets, also from a command,
        and pages of usage the titles of conversations."""
        import_module("chat.consumers.groups")
        tell_titles_by(import_module("chat.queries.titles").titles_of)
