"""Prices: versions are added, never edited."""

from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_of
from accounts.services.audit import record
from billing.admin.bases import money
from billing.admin.price_forms import PriceForm
from billing.admin.price_pages import PricePages, audited
from billing.formatting import shown_percent
from billing.models import PriceVersion
from billing.prices import set_price, view_of

SELDOM = {
    "cached": "cached_input_nano_usd_per_million",
    "reasoning": "reasoning_nano_usd_per_million",
    "image": "image_nano_usd",
}
"""Columns that are shown only where some version has a figure."""


class PriceVersionAdmin(PricePages):
    """Adding is allowed; changing and deleting are not, and the database refuses them too."""

    form = PriceForm
    fieldsets = (
        (
            None,
            {
                "fields": PriceForm.Meta.fields,
                "description": _(
                    "In USD per million tokens, such as 0.42; an image has a price of its own. "
                    "What has started is never edited: add another version."
                ),
            },
        ),
    )
    why_read_only = _(
        "Prices are never edited: turns were charged by them. Add a version that starts now or "
        "later. Amounts are USD per million tokens, as the relay asks them; teams pay them with "
        "their markup."
    )
    list_display = (
        "model",
        "starts_at",
        "input",
        "output",
        *SELDOM,
        "official_input",
        "official_output",
        "saving",
        "set_by",
    )
    list_filter = ("model", "starts_at")
    list_select_related = ("created_by",)
    search_fields = ("model",)
    input = money("input_nano_usd_per_million", _("input"))
    output = money("output_nano_usd_per_million", _("output"))
    cached = money("cached_input_nano_usd_per_million", _("cached input"))
    reasoning = money("reasoning_nano_usd_per_million", _("reasoning"))
    image = money("image_nano_usd", _("an image"))
    official_input = money("official_input_nano_usd_per_million", _("official input"))
    official_output = money("official_output_nano_usd_per_million", _("official output"))

    def get_list_display(self, request: HttpRequest) -> Any:
        """Without the columns that no version has a figure in."""
        used = PriceVersion.objects.order_by().aggregate(
            **{name: Count(field) for name, field in SELDOM.items()}
        )
        shown = super().get_list_display(request)
        return tuple(name for name in shown if used.get(str(name), 1))

    @admin.display(description=_("saving"))
    def saving(self, version: PriceVersion) -> str:
        """Against the official price, for as many tokens in as out."""
        return shown_percent(view_of(version).saving_percent)

    @admin.display(description=_("set by"), ordering="created_by")
    def set_by(self, version: PriceVersion) -> str:
        """The person, or the setting that nobody's price is taken from."""
        if version.from_default:
            return str(_("the default price"))
        return str(version.created_by or "–")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """A version stays as it is."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """A version stays."""
        return False

    def save_model(
        self,
        request: HttpRequest,
        obj: Any,
        form: Any,
        change: bool,  # noqa: ARG002
    ) -> None:
        """Add the version through the same door as `setprice`."""
        made = set_price(
            obj.model, form.price(), form.cleaned_data.get("starts_at"), request.user.pk
        )
        obj.pk, obj.starts_at = made.pk, made.starts_at
        obj._state.adding = False
        record(actor_of(request), "price_set", made, **audited(made))
