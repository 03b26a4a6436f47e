"""Prices: versions are added, never edited."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from billing.admin.amounts import UsdField
from billing.admin.bases import Exported, money
from billing.admin.exports import PriceResource
from billing.errors import BillingError
from billing.formatting import shown_percent
from billing.models import PriceVersion
from billing.prices import NewPrice, check_price, set_price, view_of

FIGURES = (
    "input_nano_usd_per_million",
    "output_nano_usd_per_million",
    "cached_input_nano_usd_per_million",
    "official_input_nano_usd_per_million",
    "official_output_nano_usd_per_million",
)


class PriceForm(forms.ModelForm[PriceVersion]):
    """A new version, in USD per million tokens."""

    input_nano_usd_per_million = UsdField(label=_("Input, USD"))
    output_nano_usd_per_million = UsdField(label=_("Output, USD"))
    cached_input_nano_usd_per_million = UsdField(label=_("Cached input, USD"), required=False)
    official_input_nano_usd_per_million = UsdField(label=_("Official input, USD"), required=False)
    official_output_nano_usd_per_million = UsdField(label=_("Official output, USD"), required=False)

    class Meta:
        """Everything a person sets."""

        model = PriceVersion
        fields = ("model", *FIGURES, "starts_at")
        help_texts: ClassVar = {"starts_at": _("Empty: now.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "starts_at" in self.fields:
            self.fields["starts_at"].required = False

    def clean(self) -> dict[str, Any] | None:
        """Refuse what `setprice` refuses."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                check_price(cleaned["model"], self.price(), cleaned.get("starts_at"))
            except BillingError as error:
                raise ValidationError(str(error), code=error.code) from error
        return cleaned

    def price(self) -> NewPrice:
        """The figures."""
        return NewPrice(**{name: self.cleaned_data[name] for name in FIGURES})


class PriceVersionAdmin(Exported):
    """Adding is allowed; changing and deleting are not, and the database refuses them too."""

    form = PriceForm
    fieldsets = (
        (
            None,
            {
                "fields": ("model", *FIGURES, "starts_at"),
                "description": _(
                    "In USD per million tokens, such as 0.42. What has started is never edited: "
                    "add another version."
                ),
            },
        ),
    )
    resource_classes = (PriceResource,)
    why_read_only = _(
        "Prices are never edited: turns were charged by them. Add a version that starts now or "
        "later. Amounts are USD per million tokens."
    )
    list_display = (
        "model",
        "starts_at",
        "input",
        "output",
        "cached",
        "official_input",
        "official_output",
        "saving",
        "created_by",
    )
    list_filter = ("model", "starts_at")
    list_select_related = ("created_by",)
    search_fields = ("model",)
    input = money("input_nano_usd_per_million", _("input"))
    output = money("output_nano_usd_per_million", _("output"))
    cached = money("cached_input_nano_usd_per_million", _("cached input"))
    official_input = money("official_input_nano_usd_per_million", _("official input"))
    official_output = money("official_output_nano_usd_per_million", _("official output"))

    @admin.display(description=_("saving"))
    def saving(self, version: PriceVersion) -> str:
        """Against the official price, for as many tokens in as out."""
        return shown_percent(view_of(version).saving_percent)

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
