"""Usage: what each turn used and cost."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from billing.admin.bases import ReadOnly, moment, money
from billing.admin.exports import UsageResource
from billing.formatting import shown_count, shown_percent
from billing.models import Settlement
from billing.prices import saving_percent
from billing.usage import FAILED


class FailureFilter(admin.SimpleListFilter):
    """Turns that failed, as the overview counts them."""

    title = _("failure")
    parameter_name = "failed"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002
        model_admin: Any,  # noqa: ARG002
    ) -> list[tuple[str, Any]]:
        """Failed or not."""
        return [("1", _("Failed")), ("0", _("Not failed"))]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Settlement],
    ) -> QuerySet[Settlement]:
        """Only those asked for."""
        if self.value() is None:
            return queryset
        return queryset.filter(FAILED) if self.value() == "1" else queryset.exclude(FAILED)


class SettlementAdmin(ReadOnly):
    """Searchable and filterable; its numbers are those of the overview."""

    resource_classes = (UsageResource,)
    why_read_only = _(
        "Usage is read-only: each row is the settlement of one turn and agrees with the ledger. "
        "A wrong cost is corrected by another transfer, never by an edit."
    )
    total_field = "cost_nano_usd"
    list_display = (
        "settled",
        "cost",
        "team",
        "person",
        "model",
        "quality",
        "outcome",
        "tokens_in",
        "tokens_out",
        "relay_cost",
        "official",
        "saving",
        "overrun",
    )
    list_filter = (
        "quality",
        "outcome",
        FailureFilter,
        "overrun",
        "model",
        ("team", admin.RelatedOnlyFieldListFilter),
        ("person", admin.RelatedOnlyFieldListFilter),
        "day",
    )
    list_select_related = ("team", "person")
    search_fields = ("subject", "model", "team__name", "person__username", "outcome")
    date_hierarchy = "day"

    settled = moment("created_at", _("settled"))
    cost = money("cost_nano_usd", _("cost"))
    relay_cost = money("relay_cost_nano_usd", _("cost at the relay"))
    official = money("official_cost_nano_usd", _("official cost"))

    @admin.display(description=_("tokens in"), ordering="prompt_tokens")
    def tokens_in(self, row: Settlement) -> str:
        """Set apart by thousands."""
        return shown_count(row.prompt_tokens)

    @admin.display(description=_("tokens out"), ordering="completion_tokens")
    def tokens_out(self, row: Settlement) -> str:
        """Set apart by thousands."""
        return shown_count(row.completion_tokens)

    @admin.display(description=_("saving"))
    def saving(self, row: Settlement) -> str:
        """Against the official cost."""
        official = row.official_cost_nano_usd
        return shown_percent(
            None if official is None else saving_percent(row.cost_nano_usd, official)
        )
