"""Second factors: to see that there is one, and to remove a lost one."""

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.http import HttpRequest


class SecondFactorAdmin(admin.ModelAdmin[Authenticator]):
    """Never shows the secret of a factor."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    search_fields = ("user__username", "user__email")
    fields = readonly_fields = ("user", "type", "created_at", "last_used_at")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """A person adds her own."""
        return False
