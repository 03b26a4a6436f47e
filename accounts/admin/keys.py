"""API keys: whose, for what, when used last; and revoking them."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.actors import actor_of
from accounts.admin.bases import Discreet
from accounts.models import APIKey
from accounts.services.keys import revoke_api_key


class APIKeyAdmin(Discreet):
    """Neither the key nor its hash is shown. A key is made by its owner or by `createapikey`."""

    secret_columns = ("sha256",)

    list_display = ("name", "shown_prefix", "user", "team", "state", "created_at", "last_used_at")
    list_filter = ("team", "revoked_at", "expires_at")
    search_fields = ("name", "prefix", "user__username", "team__name")
    list_select_related = ("user", "team")
    date_hierarchy = "created_at"
    fields = readonly_fields = (
        "name",
        "shown_prefix",
        "user",
        "team",
        "scopes",
        "state",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    actions = ("revoke",)

    @admin.display(description=gettext_lazy("key"), ordering="prefix")
    def shown_prefix(self, key: APIKey) -> str:
        """The part of the key that is no secret."""
        return f"tram_{key.prefix}_…"

    @admin.display(description=gettext_lazy("state"))
    def state(self, key: APIKey) -> str:
        """Whether the key works, in one word."""
        if key.revoked_at is not None:
            return _("revoked")
        if key.expires_at is not None and key.expires_at <= timezone.now():
            return _("expired")
        return _("active")

    @admin.action(description=gettext_lazy("Revoke selected keys"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[APIKey]) -> None:
        """Make the selected keys worthless for good."""
        keys = list(queryset.filter(revoked_at=None))
        for key in keys:
            revoke_api_key(key, actor=actor_of(request))
        text = ngettext("%(count)d key revoked.", "%(count)d keys revoked.", len(keys))
        messages.success(request, text % {"count": len(keys)})

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """A page could not show a new key only once."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """A revoked key stays, for the record."""
        return False
