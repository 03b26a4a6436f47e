"""Limits: set, changed and ended in one's own name, with what is spent and held of each."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy
from import_export import fields, resources

from accounts.actors import actor_of
from billing.admin.bases import Exported, money
from billing.admin.exports import Usd
from billing.admin.limit_form import CHANGED, LimitForm
from billing.formatting import exact_usd
from billing.limit_setting import change_limit, end_limit, set_limit
from billing.limits import period_start, zone_of
from billing.models import Budget, Limit, Period
from billing.owners import key_called, owner_of


class LimitResource(resources.ModelResource):  # type: ignore[misc]
    """Limits."""

    team = fields.Field("team__name", "team")
    person = fields.Field("person__username", "person")
    api_key = fields.Field("key_called", "api_key")
    limit_usd = Usd("amount_nano_usd", "limit_usd")
    created_by = fields.Field("created_by__username", "set_by")

    class Meta:
        """Columns in order."""

        model = Limit
        fields = export_order = (
            "id",
            "scope",
            "team",
            "person",
            "conversation_id",
            "api_key",
            "period",
            "zone",
            "limit_usd",
            "is_hard",
            "warn_percents",
            "created_at",
            "created_by",
            "ended_at",
        )


class InForceFilter(admin.EmptyFieldListFilter):
    """Limits that bind, or those that have ended."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("state")

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Django's own, in words that fit."""
        words = (_("All"), _("In force"), _("Ended"))
        for word, choice in zip(words, super().choices(changelist), strict=True):
            yield {**choice, "display": word}


class LimitAdmin(Exported):
    """Which limits there are, and how far each one's current period is used up."""

    form = LimitForm
    resource_classes = (LimitResource,)
    when_empty = _("Nobody is limited: teams spend what their credit allows.")
    list_display = ("owner", "amount", "left", "spent", "held", "afresh", "is_hard", "ended")
    list_filter = (
        ("ended_at", InForceFilter),
        "scope",
        "period",
        "is_hard",
        ("team", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("team", "person")
    search_fields = ("team__name", "person__username", "conversation_id", "key_called", "zone")
    autocomplete_fields = ("team", "person")
    actions = ("end_limits",)
    amount = money("amount_nano_usd", _("limit"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the figures of each limit's latest period, and the database's time."""
        latest = Budget.objects.filter(limit=OuterRef("pk")).order_by("-period_start")
        rows: QuerySet[Any] = super().get_queryset(request)
        annotated: QuerySet[Any] = rows.annotate(
            moment=Now(),
            latest_start=Subquery(latest.values("period_start")[:1]),
            latest_spent=Subquery(latest.values("posted_nano_usd")[:1]),
            key_called=key_called("api_key_id"),
            latest_held=Subquery(latest.values("held_nano_usd")[:1]),
        )
        return annotated

    @admin.display(description=_("whose"), ordering="key")
    def owner(self, limit: Limit) -> str:
        """The team, the person in it, the conversation, the API key, or everybody."""
        return owner_of(limit, getattr(limit, "key_called", None))

    @admin.display(description=pgettext_lazy("how often", "starts afresh"), ordering="period")
    def afresh(self, limit: Limit) -> str:
        """How often, and where that day begins."""
        often = limit.get_period_display()
        return often if limit.period == Period.NONE else f"{often}, {zone_of(limit)}"

    @admin.display(description=_("spent"))
    def spent(self, limit: Any) -> SafeString:
        """In the current period."""
        return _shown(_used(limit)[0])

    @admin.display(description=_("held"))
    def held(self, limit: Any) -> SafeString:
        """In the current period."""
        return _shown(_used(limit)[1])

    @admin.display(description=_("left"))
    def left(self, limit: Any) -> SafeString:
        """In the current period; nothing is where the limit has ended."""
        return _shown(None if limit.ended_at else limit.amount_nano_usd - sum(_used(limit)))

    @admin.display(description=_("ended"), ordering="ended_at")
    def ended(self, limit: Limit) -> str:
        """When, if at all."""
        if limit.ended_at is None:
            return "–"
        return date_format(localtime(limit.ended_at), "SHORT_DATETIME_FORMAT")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """All for a new one; for one that is there, what may change and what is told of it."""
        if obj is None:
            return self.form.Meta.fields
        return [*self.get_readonly_fields(request, obj), *CHANGED]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        """Whose limit it is never changes: end it, and set another."""
        if obj is None:
            return ()
        return ("scope", "owner", "afresh", "spent", "held", "left", "ended")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What has ended stays as it was."""
        in_force = obj is None or obj.ended_at is None
        return in_force and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Budgets, and the holds in them, name their limit: it is ended instead."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Set or change it through the one door, which writes the audit log."""
        if change:
            given = {name: form.cleaned_data[name] for name in CHANGED}
            change_limit(obj.pk, **given, actor=actor_of(request))
            return
        made = set_limit(form.new(), actor=actor_of(request))
        obj.pk, obj._state.adding = made.pk, False

    @admin.action(description=_("End the chosen limits"), permissions=["change"])
    def end_limits(self, request: HttpRequest, chosen: QuerySet[Limit]) -> None:
        """Let them bind nothing any more; what has ended already is left alone."""
        ids = list(chosen.filter(ended_at=None).values_list("pk", flat=True))
        for limit_id in ids:
            end_limit(limit_id, actor=actor_of(request))
        count = len(ids)
        said = ngettext("%(count)d limit has ended.", "%(count)d limits have ended.", count)
        self.message_user(request, said % {"count": count}, messages.SUCCESS)


def _used(limit: Any) -> tuple[int, int]:
    """What is spent and held in the limit's current period, in nano-USD."""
    if limit.latest_start != period_start(limit.period, zone_of(limit), limit.moment):
        return 0, 0
    return limit.latest_spent or 0, limit.latest_held or 0


def _shown(nano_usd: int | None) -> SafeString:
    return format_html('<span class="money">{}</span>', exact_usd(nano_usd))
