"""Alerts about relays: what looks wrong, on what evidence, and who closed it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.actors import actor_of
from chat.admin.administrators import ForAdministrators
from chat.admin.bases import moment
from chat.models import RelayAlert
from chat.services.alerts import close_alert
from chat.services.truth import learn_anew


class StateFilter(admin.SimpleListFilter):
    """Open or closed."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        """Both."""
        return [("open", _("open")), ("closed", _("closed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        """Alerts in the state."""
        if self.value() not in ("open", "closed"):
            return queryset
        return queryset.filter(closed_at__isnull=self.value() == "open")


class RelayAlertAdmin(ForAdministrators):
    """Open ones first. They are raised by the product alone, and closed here."""

    list_display = (
        "kind",
        "relay",
        "model",
        "detail",
        "times",
        "first_seen",
        "last_seen",
        "state",
    )
    list_filter = (StateFilter, "kind")
    fields = (
        "kind",
        "relay",
        "model",
        "detail",
        "times",
        "first_seen",
        "last_seen",
        "closed_at",
        "closed_by",
    )
    ordering = (F("closed_at").desc(nulls_first=True), "-last_seen_at")
    search_fields = ("relay", "model")
    list_select_related = ("closed_by",)
    actions = ("close", "close_and_learn")

    first_seen = moment("first_seen_at", _("first seen"))
    last_seen = moment("last_seen_at", _("last seen"))

    class Media:
        """Sets states right."""

        css = {"all": ("chat/admin/relays.css",)}

    @admin.display(description=_("state"))
    def state(self, alert: RelayAlert) -> SafeString:
        """Open, or closed by whom."""
        if alert.closed_at is None:
            return format_html('<span class="state bad">{}</span>', _("open"))
        closed = _("closed by %(person)s") % {"person": alert.closed_by or "–"}
        return format_html('<span class="state off">{}</span>', closed)

    @admin.action(description=_("Close: it is dealt with"))
    def close(self, request: HttpRequest, alerts: QuerySet[RelayAlert]) -> None:
        """Close the chosen ones; what goes on is raised again."""
        self._close(request, alerts)

    @admin.action(description=_("Close, and expect what the relay does now"))
    def close_and_learn(self, request: HttpRequest, alerts: QuerySet[RelayAlert]) -> None:
        """Close the chosen ones; their routes' present counts and names become the expected."""
        for relay, model in sorted(set(alerts.exclude(model="").values_list("relay", "model"))):
            learn_anew(relay, model)
        self._close(request, alerts)

    def _close(self, request: HttpRequest, alerts: QuerySet[RelayAlert]) -> None:
        actor = actor_of(request)
        assert actor is not None, "administrators are signed in"
        ids = list(alerts.order_by("pk").values_list("pk", flat=True))
        number = sum(close_alert(actor, each) for each in ids)
        text = ngettext("%(number)d alert closed.", "%(number)d alerts closed.", number)
        self.message_user(request, text % {"number": number}, messages.SUCCESS)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        """Everything."""
        return self.fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody raises one by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody rewrites one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """A closed one stays, as what happened."""
        return False
