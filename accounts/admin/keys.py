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
from accounts.services.keys import in_force, revoke_api_key
from accounts.services.visible_keys import state_of


class StateFilter(admin.SimpleListFilter):
    """Keys that work, or those of before."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        """What can be chosen."""
        return [("works", _("active")), ("expired", _("expired")), ("revoked", _("revoked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[APIKey]) -> QuerySet[APIKey]:  # noqa: ARG002
        """The keys of the state chosen."""
        if self.value() == "works":
            return in_force(queryset)
        if self.value() == "revoked":
            return queryset.filter(revoked_at__isnull=False)
        if self.value() == "expired":
            return queryset.filter(revoked_at=None, expires_at__lte=timezone.now())
        return queryset


class APIKeyAdmin(Discreet):
    """Neither the key nor its hash is shown. A key is made by its owner or by `createapikey`."""

    secret_columns = ("sha256",)

    list_display = (
        *("name", "shown_prefix", "user", "team", "state", "models"),
        *("created_at", "expires_at", "last_used_at"),
    )
    list_filter = (StateFilter, "team", "created_at", "last_used_at")
    search_fields = ("name", "prefix", "user__username", "team__name")
    list_select_related = ("user", "team")
    date_hierarchy = "created_at"
    fields = readonly_fields = (
        "name",
        "shown_prefix",
        "user",
        "team",
        "scopes",
        "models",
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

    @admin.display(description=gettext_lazy("models"))
    def models(self, key: APIKey) -> str:
        """Which it may ask."""
        return ", ".join(key.model_names) or _("all")

    @admin.display(description=gettext_lazy("state"))
    def state(self, key: APIKey) -> str:
        """Whether the key works, in one word."""
        return {
            "active": _("active"),
            "idle": _("asleep"),
            "expired": _("expired"),
            "revoked": _("revoked"),
        }[state_of(key)]

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
