"""Second factors: to see that there is one, and to remove a lost one."""

from django.http import HttpRequest

from accounts.admin.bases import Discreet


class SecondFactorAdmin(Discreet):
    """Never shows the secret of a factor."""

    secret_columns = ("data",)

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    search_fields = ("user__username", "user__email")
    fields = readonly_fields = ("user", "type", "created_at", "last_used_at")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """A person adds her own."""
        return False
