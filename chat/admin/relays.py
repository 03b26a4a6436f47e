"""Relays and their keys: added, changed and taken away by administrators."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts.actors import actor_of
from accounts.services.audit import record
from chat.admin.administrators import administers
from chat.admin.relay_checks import RelayChecks
from chat.admin.relay_forms import (
    LIMITS,
    TIMES,
    KeyForm,
    KeyFormSet,
    RelayForm,
    no_secret,
)
from chat.admin.relay_states import environment_relays, shown_key_state, shown_relay_state
from chat.models import Relay, RelayKey
from chat.services.relay_keys import can_seal, seal
from chat.turns.relays import relays_changed


class KeysOfRelay(admin.TabularInline[RelayKey, Relay]):
    """The keys of a relay."""

    model = RelayKey
    form = KeyForm
    formset = KeyFormSet
    fields = ("label", "key", "ends_with", "enabled", "weight", "state")
    readonly_fields = ("ends_with", "state")

    def get_extra(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: Relay | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> int:
        """A new relay asks for its key at once."""
        return 1 if obj is None else 0

    @admin.display(description=_("ends with"))
    def ends_with(self, row: RelayKey) -> str:
        """All that is shown of a key."""
        return f"…{row.last_four}" if row.last_four else "–"

    @admin.display(description=_("state"))
    def state(self, row: RelayKey) -> SafeString:
        """Whether it can be used."""
        return shown_key_state(row)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """As for the relay."""
        return administers(request)

    has_add_permission = has_view_permission
    has_change_permission = has_view_permission
    has_delete_permission = has_view_permission


class RelayAdmin(RelayChecks):
    """What is saved here holds at once in this process, and within seconds in all others."""

    form = RelayForm
    inlines = (KeysOfRelay,)
    change_list_template = "admin/chat/relay/change_list.html"
    list_display = ("name", "state", "base_url", "priority", "weight", "keys", "transport")
    actions = ("enable", "disable")
    fieldsets = (
        (None, {"fields": ("name", "enabled", "base_url", "ws_url", "transport")}),
        (_("When it is asked"), {"fields": ("priority", "weight", "models_allowed", "resumes")}),
        (
            _("Patience and limits"),
            {
                "fields": (*TIMES, "max_retries", *LIMITS),
                "description": _(
                    "Empty: as the settings of the installation say, which is shown in grey. "
                    "A limit of 0 is none."
                ),
            },
        ),
    )

    class Media:
        """Sets states and help right."""

        css = {"all": ("chat/admin/relays.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Relay]:
        """With their keys, whose state is shown."""
        keys = Prefetch("keys", RelayKey.objects.select_related("relay"))
        rows: QuerySet[Relay] = super().get_queryset(request)
        return rows.prefetch_related(keys)

    @admin.display(description=_("keys"))
    def keys(self, relay: Relay) -> str:
        """How many are in use, of how many."""
        rows = list(relay.keys.all())
        used = sum(row.enabled for row in rows)
        return str(used) if used == len(rows) else f"{used} / {len(rows)}"

    @admin.display(description=_("state"))
    def state(self, relay: Relay) -> SafeString:
        """Whether turns can go to it, and what hinders them."""
        return shown_relay_state(relay)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list below the relays that the environment sets."""
        context = {"environment_relays": environment_relays(), "title": _("Relays")}
        return super().changelist_view(request, context | (extra_context or {}))

    @method_decorator(sensitive_post_parameters())
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form; says at once when no key could be kept."""
        if request.method == "GET" and administers(request) and not can_seal():
            messages.warning(request, no_secret())
        return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Relay, form: Any, change: bool) -> None:
        """Store the relay and tell the running turns' directory of it."""
        super().save_model(request, obj, form, change)
        if not change or form.changed_data:
            action = "relay_changed" if change else "relay_added"
            record(actor_of(request), action, obj, **_detail(obj, form.changed_data))
        _remark(request, form)
        transaction.on_commit(relays_changed)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: ARG002
        """Seal what was entered, and store the keys."""
        actor = actor_of(request)
        entered = {id(each.instance): each for each in formset.forms}
        for row in formset.save(commit=False):
            its = entered[id(row)]
            action = "relay_key_changed" if row.pk else "relay_key_added"
            if its.cleaned_data["key"]:
                seal(row, its.cleaned_data["key"])
                row.save()
            else:
                # Not what is sealed: a rotation may have sealed it anew since it was read.
                row.save(update_fields=[*KeyForm.Meta.fields, "changed_at"])
            fields = ", ".join(its.changed_data)
            record(actor, action, row, relay=row.relay.name, label=row.label, fields=fields)
        for row in formset.deleted_objects:
            record(actor, "relay_key_deleted", row, relay=row.relay.name, label=row.label)
            row.delete()
        for each in formset.forms:
            _remark(request, each)

    def delete_model(self, request: HttpRequest, obj: Relay) -> None:
        """Delete one, with its keys."""
        record(actor_of(request), "relay_deleted", obj, base_url=obj.base_url)
        super().delete_model(request, obj)
        transaction.on_commit(relays_changed)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Relay]) -> None:
        """Delete several as each by itself."""
        for relay in queryset:
            self.delete_model(request, relay)

    @admin.action(description=_("Use selected relays"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Relay]) -> None:
        """Let turns go to them."""
        self._switch(request, queryset, enabled=True)

    @admin.action(description=_("Use selected relays no more"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Relay]) -> None:
        """Let no new turn go to them."""
        self._switch(request, queryset, enabled=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Relay], *, enabled: bool) -> None:
        with transaction.atomic():
            for relay in queryset.filter(enabled=not enabled):
                relay.enabled = enabled
                relay.save(update_fields=["enabled", "changed_at"])
                detail = _detail(relay, ["enabled"])
                record(actor_of(request), "relay_changed", relay, **detail)
            transaction.on_commit(relays_changed)


def _detail(relay: Relay, names: list[str]) -> dict[str, str]:
    """What a relay was changed to, for the audit log."""
    return {name: str(getattr(relay, name)) for name in names}


def _remark(request: HttpRequest, form: Any) -> None:
    for remark in form.remarks:
        messages.warning(request, remark)
