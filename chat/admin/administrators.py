"""Pages for those who administer the installation, not for all who may enter the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


def administers(request: HttpRequest) -> bool:
    """Whether the person administers the installation."""
    return bool(request.user.is_active and getattr(request.user, "is_superuser", False))


class SeenByAdministrators(admin.ModelAdmin[Any]):
    """A list for administrators alone."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the page is listed."""
        return administers(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Whether it may be seen."""
        return administers(request)


class ForAdministrators(SeenByAdministrators):
    """Who decides where prompts and keys go can read all of them: administrators alone."""

    has_add_permission = SeenByAdministrators.has_view_permission
    has_change_permission = SeenByAdministrators.has_view_permission
    has_delete_permission = SeenByAdministrators.has_view_permission
