"""What the admin pages of accounts have in common."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext

from accounts.errors import AccountsError


class Refusals(admin.ModelAdmin[Any]):
    """Shows what the services refuse as a message; nothing of the form is stored then."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or store the form; Django rolls everything back on an exception."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except AccountsError as error:
            messages.error(request, gettext(str(error)))
            return HttpResponseRedirect(request.get_full_path())


class Discreet(admin.ModelAdmin[Any]):
    """Refuses filters on secret columns in the address: they would tell them bit by bit."""

    secret_columns: tuple[str, ...] = ()

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Allow what the admin allows, but nothing about a secret."""
        secret = lookup.split("__", 1)[0] in self.secret_columns
        return not secret and super().lookup_allowed(lookup, value, request)


class ReadOnly(admin.ModelAdmin[Any]):
    """Rows to look at: neither added, changed nor deleted here."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Nothing is added by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nothing is changed by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nothing is deleted by hand."""
        return False
