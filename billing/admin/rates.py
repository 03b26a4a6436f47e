"""Exchange rates: added, never edited."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_of
from accounts.services.audit import record
from billing.admin.amounts import SaidOnce
from billing.admin.bases import Exported
from billing.admin.exports import RateResource
from billing.errors import RateInvalid
from billing.exchange import set_rate, units_to_micro
from billing.models import ExchangeRate


class RateField(forms.CharField):
    """Reads "7.2" as 7,200,000 millionths, exactly or not at all."""

    def to_python(self, value: Any) -> Any:
        """The rate in millionths."""
        text = super().to_python(value)
        if not text:
            return None
        try:
            return units_to_micro(text)
        except RateInvalid as error:
            raise ValidationError(error.told(), code=error.code) from error

    def run_validators(self, value: Any) -> None:
        """The text's validators do not fit a number; the rate was checked when it was read."""


class RateForm(SaidOnce, forms.ModelForm[ExchangeRate]):
    """A rate from a moment on."""

    micro_units_per_usd = RateField(
        label=_("For USD 1"), help_text=_("Such as 7.2 in CNY or 26350 in VND."), max_length=20
    )

    class Meta:
        """What a person sets."""

        model = ExchangeRate
        fields = ("currency", "micro_units_per_usd", "starts_at")
        help_texts: ClassVar = {"starts_at": _("Empty: now.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "starts_at" in self.fields:
            self.fields["starts_at"].required = False


class ExchangeRateAdmin(Exported):
    """Adding is allowed; changing and deleting are not, and the database refuses them too."""

    form = RateForm
    resource_classes = (RateResource,)
    why_read_only = _(
        "Rates are never edited: statements were printed with them. Add one that starts now, or "
        "when it should have. They change nothing in the ledger, which is in USD."
    )
    when_empty = _("Statements are in USD alone. Add a rate to show CNY or VND beside it.")
    list_display = ("currency", "units", "starts_at", "created_by", "created_at")
    list_filter = ("currency",)
    list_select_related = ("created_by",)
    readonly_fields = ("units", "created_by", "created_at")

    @admin.display(description=_("for USD 1"), ordering="micro_units_per_usd")
    def units(self, rate: ExchangeRate) -> str:
        """To six decimal places."""
        whole, part = divmod(rate.micro_units_per_usd, 10**6)
        decimals = f"{part:06d}".rstrip("0")
        return number_format(f"{whole}.{decimals}" if decimals else str(whole))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        """What is set; of a rate that is there, what it says."""
        return RateForm.Meta.fields if obj is None else self.list_display

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """A rate stays as it is."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """A rate stays."""
        return False

    def save_model(
        self,
        request: HttpRequest,
        obj: Any,
        form: Any,
        change: bool,  # noqa: ARG002
    ) -> None:
        """Write it down in the name of whoever adds it."""
        given = form.cleaned_data
        made = set_rate(
            obj.currency, given["micro_units_per_usd"], given.get("starts_at"), request.user.pk
        )
        obj.pk, obj.starts_at = made.pk, made.starts_at
        obj._state.adding = False
        units, starts_at = self.units(made), made.starts_at.isoformat()
        record(actor_of(request), "rate_set", made, units=units, starts_at=starts_at)
