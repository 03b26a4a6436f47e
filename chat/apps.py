"""Chat: conversations, turns, the sockets and pages."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    """Floors 2 to 5."""

    name = "chat"
    default_auto_field = "django.db.models.BigAutoField"
