"""Forms of the price pages: a new version, a trial on past traffic, a price book to import."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from billing.admin.amounts import SaidOnce, UsdField
from billing.admin.markups import PercentField
from billing.errors import BillingError, PriceBookRefused
from billing.models import PriceVersion
from billing.price_book import MAX_BYTES, Plan, plan_import
from billing.price_trial import Trial, TrialResult, try_on
from billing.prices import BOUGHT, FIGURES, NewPrice, check_price

DAYS_TRIED = 30


class Figures(forms.Form):
    """The amounts of a price, in USD."""

    input_nano_usd_per_million = UsdField(label=_("Input, USD"))
    output_nano_usd_per_million = UsdField(label=_("Output, USD"))
    cached_input_nano_usd_per_million = UsdField(label=_("Cached input, USD"), required=False)
    reasoning_nano_usd_per_million = UsdField(label=_("Reasoning, USD"), required=False)
    image_nano_usd = UsdField(label=_("An image, USD"), required=False)


class PriceForm(SaidOnce, Figures, forms.ModelForm[PriceVersion]):
    """A new version, in USD per million tokens."""

    official_input_nano_usd_per_million = UsdField(label=_("Official input, USD"), required=False)
    official_output_nano_usd_per_million = UsdField(label=_("Official output, USD"), required=False)

    class Meta:
        """Everything a person sets."""

        model = PriceVersion
        fields = ("model", *BOUGHT, *(name for name in FIGURES if name not in BOUGHT), "starts_at")
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
                raise ValidationError(error.told(), code=error.code) from error
        return cleaned

    def price(self) -> NewPrice:
        """The figures."""
        return NewPrice(**{name: self.cleaned_data[name] for name in FIGURES})


class TrialForm(Figures):
    """A price, a markup or both, and the turns they are tried on."""

    model = forms.CharField(label=_("Model"), max_length=200, required=False)
    team = forms.ModelChoiceField(
        Team.objects.all(), label=_("Team"), required=False, empty_label=_("All teams")
    )
    markup = PercentField(
        label=_("Markup, percent"),
        required=False,
        help_text=_("Empty: as each turn had it."),
    )
    first = forms.DateField(
        label=_("First day (UTC)"), widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    last = forms.DateField(
        label=_("Last day (UTC)"), widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    field_order = ("model", *BOUGHT, "markup", "team", "first", "last")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.result: TrialResult | None = None
        for name in BOUGHT:
            self.fields[name].required = False

    def clean(self) -> dict[str, Any] | None:
        """Compute it, or say why not."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.result = try_on(self._trial(cleaned))
            except BillingError as error:
                raise ValidationError(error.told(), code=error.code) from error
        return cleaned

    def _trial(self, cleaned: dict[str, Any]) -> Trial:
        price = None
        if any(cleaned[name] is not None for name in BOUGHT):
            needed = ("input_nano_usd_per_million", "output_nano_usd_per_million")
            if any(cleaned[name] is None for name in needed):
                raise ValidationError(_("A price has an input and an output figure."))
            price = NewPrice(**{name: cleaned[name] for name in BOUGHT})
            if cleaned["model"]:
                check_price(cleaned["model"], price, None)
        return Trial(
            first=cleaned["first"],
            last=cleaned["last"],
            model=cleaned["model"],
            team_id=cleaned["team"].pk if cleaned["team"] else None,
            price=price,
            markup_basis_points=cleaned["markup"],
        )


def days_tried() -> dict[str, date]:
    """The days that a trial begins with: the last thirty."""
    today = datetime.now(UTC).date()
    return {"first": today - timedelta(days=DAYS_TRIED - 1), "last": today}


class BookForm(forms.Form):
    """A file, and once it was looked at the same text again."""

    file = forms.FileField(
        label=_("Price book, CSV"),
        required=False,
        widget=forms.FileInput({"accept": ".csv,text/csv"}),
        help_text=_(
            "As exported here: USD per million tokens. Lines that change nothing are left."
        ),
    )
    text = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.book = b""
        self.plan: Plan | None = None

    def clean(self) -> dict[str, Any] | None:
        """Read the file, or name its wrong lines."""
        cleaned = super().clean() or self.cleaned_data
        file = cleaned.get("file")
        self.book = file.read(MAX_BYTES + 1) if file else cleaned.get("text", "").encode()
        if not self.book and not self.errors:
            raise ValidationError(_("Choose a file."))
        try:
            self.plan = plan_import(self.book)
        except PriceBookRefused as error:
            raise ValidationError(
                [
                    ValidationError(_("Line %(number)s: %(reason)s"), params=fault)
                    for fault in (
                        {"number": number, "reason": reason} for number, reason in error.faults
                    )
                ]
            ) from error
        return cleaned
