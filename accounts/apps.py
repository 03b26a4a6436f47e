"""Accounts: users, teams, roles, API keys and the one policy every door asks."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Floor 0."""

    name = "accounts"
    verbose_name = _("People and teams")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to sign-out and new passwords."""
        from accounts import receivers  # noqa: F401
