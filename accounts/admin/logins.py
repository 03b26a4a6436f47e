"""Sessions and e-mail addresses, which allauth keeps: they lead into people's accounts."""

from typing import Any

from allauth.account.admin import EmailAddressAdmin as AllauthEmailAddressAdmin
from django.http import HttpRequest

from accounts.admin.bases import Discreet, ReadOnly


class SessionAdmin(Discreet, ReadOnly):
    """Who is signed in from where. Whoever knew a session's key could act with it."""

    secret_columns = ("session_key", "data")
    list_display = ("user", "created_at", "last_seen_at", "ip", "user_agent")
    list_select_related = ("user",)
    fields = list_display
    search_fields = ("user__username", "ip")


class EmailAddressAdmin(AllauthEmailAddressAdmin):  # type: ignore[misc]
    """Only administrators change addresses: a new password is sent to them."""

    list_select_related = ("user",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Administrators alone."""
        return _is_administrator(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Administrators alone."""
        return _is_administrator(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Administrators alone."""
        return _is_administrator(request)

    def get_actions(self, request: HttpRequest) -> Any:
        """Declare an address confirmed: administrators alone."""
        return super().get_actions(request) if _is_administrator(request) else {}


def _is_administrator(request: HttpRequest) -> bool:
    return bool(request.user.is_active and getattr(request.user, "is_superuser", False))
