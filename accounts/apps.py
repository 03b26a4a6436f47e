"""Accounts: users, teams, roles, API keys and the one policy every door asks."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Floor 0."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to sign-out and new passwords."""
        from accounts import receivers  # noqa: F401
