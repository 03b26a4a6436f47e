"""The forms of an API key: a new one, and another budget for one that is there."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.roles import Capability
from accounts.services.keys import MAX_NAME_CHARACTERS, new_prefix
from billing.admin.amounts import UsdField
from billing.api_keys import KeyBudget, KeyWish
from billing.errors import BillingError
from billing.limit_setting import check_amount
from billing.models import Period
from chat.queries.model_list import ModelView

SCOPES: dict[str, str | Promise] = {
    Capability.SEND_MESSAGE.value: gettext_lazy(
        "List and ask models, send messages, start batches"
    ),
    Capability.INTERRUPT_TURN.value: gettext_lazy("Stop answers"),
    Capability.VIEW_BILLING.value: gettext_lazy("See what is spent and left"),
    Capability.READ_CONVERSATION.value: gettext_lazy(
        "Read the team’s conversations, and batches with their answers"
    ),
    Capability.EDIT_CONVERSATION.value: gettext_lazy("Rename, pin and archive conversations"),
    Capability.DELETE_CONVERSATION.value: gettext_lazy("Delete conversations"),
}
"""What a key may do, in words, the most wanted first."""
# What a program with its own prompts needs: a leaked key then reads nobody's conversations.
USUAL = (
    Capability.SEND_MESSAGE.value,
    Capability.INTERRUPT_TURN.value,
    Capability.VIEW_BILLING.value,
)
PERIODS = (
    (Period.MONTH.value, gettext_lazy("every month")),
    (Period.WEEK.value, gettext_lazy("every week")),
    (Period.DAY.value, gettext_lazy("every day")),
    (Period.NONE.value, gettext_lazy("once, for as long as the key lives")),
)
ALL, SOME = "all", "some"
PLAIN = {"autocomplete": "off", "spellcheck": "false"}


class KeyBudgetForm(forms.Form):
    """What a key may spend; nothing written: whatever the budgets above it allow."""

    amount = UsdField(
        label=gettext_lazy("Budget, USD"),
        required=False,
        widget=forms.TextInput(attrs={**PLAIN, "inputmode": "decimal"}),
        help_text=gettext_lazy(
            "What the key may spend. Empty: as much as you may. The budgets of the team and your "
            "own hold in any case."
        ),
    )
    period = forms.ChoiceField(
        label=pgettext_lazy("budget of a key", "Starts afresh"),
        choices=PERIODS,
        initial=Period.MONTH.value,
    )

    def clean_amount(self) -> int | None:
        """From nothing on."""
        amount: int | None = self.cleaned_data["amount"]
        if amount is not None:
            try:
                check_amount(amount)
            except BillingError as error:
                raise ValidationError(error.told(), code=error.code) from error
        return amount

    def budget(self) -> KeyBudget | None:
        """What was written, once it is valid."""
        amount = self.cleaned_data["amount"]
        return None if amount is None else KeyBudget(amount, Period(self.cleaned_data["period"]))


class KeyForm(KeyBudgetForm):
    """A new key."""

    # Another one in each form that is opened, so that sending it twice makes one key.
    once = forms.RegexField(r"[0-9a-f]{10}", widget=forms.HiddenInput)
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=MAX_NAME_CHARACTERS,
        widget=forms.TextInput(attrs=PLAIN),
        help_text=gettext_lazy("What the key is for, such as “nightly report”."),
    )
    team = forms.ChoiceField(
        label=gettext_lazy("Team"), help_text=gettext_lazy("Whose credit it spends.")
    )
    reach = forms.ChoiceField(
        label=gettext_lazy("Models"),
        choices=(
            (ALL, gettext_lazy("All models, also those that are added later")),
            (SOME, gettext_lazy("Only these:")),
        ),
        initial=ALL,
        widget=forms.RadioSelect,
    )
    models = forms.MultipleChoiceField(
        label=gettext_lazy("Only these models"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "invalid_choice": gettext_lazy("%(value)s is no model of this site any more.")
        },
    )
    expires_on = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"),
        choices=tuple(SCOPES.items()),
        initial=USUAL,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Never more than you may yourself. No key makes or changes keys."),
        error_messages={"required": gettext_lazy("Choose one thing at least that it may do.")},
    )

    def __init__(
        self, teams: Iterable[tuple[str, str]], models: Iterable[ModelView], *args: Any, **more: Any
    ) -> None:
        super().__init__(*args, **more)
        self.fields["team"].choices = list(teams)  # type: ignore[attr-defined]
        self.fields["models"].choices = [  # type: ignore[attr-defined]
            (model.id, model.name) for model in models if model.available or not model.hidden
        ]
        self.fields["expires_on"].help_text = _(
            "The key works until the end of this day in %(zone)s. Empty: until it is revoked."
        ) % {"zone": settings.BILLING_ZONE}
        self.fields["once"].initial = new_prefix
        self.order_fields(["once", "name", "team", "amount", "period", "reach", "models"])

    def clean_name(self) -> str:
        """Something that can be shown on one line."""
        name: str = self.cleaned_data["name"]
        if not name.isprintable():
            raise ValidationError(_("A name is one line, without control characters."))
        return name

    def clean_expires_on(self) -> datetime | None:
        """The end of the day, which is not over yet."""
        day = self.cleaned_data["expires_on"]
        if day is None:
            return None
        zone = ZoneInfo(settings.BILLING_ZONE)
        try:
            end = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(days=1)
            is_over = end <= timezone.now()
        except (OverflowError, ValueError):
            raise ValidationError(_("Choose an earlier day, or none.")) from None
        if is_over:
            raise ValidationError(_("This day is over. Choose a later one, or none."))
        return end

    def clean(self) -> dict[str, Any]:
        """Some models, where only some are meant."""
        given = self.cleaned_data
        if given.get("reach") == SOME and "models" in given and not given["models"]:
            self.add_error("models", _("Choose one model at least, or allow all."))
        return given

    @property
    def team_id(self) -> UUID:
        """The team that was chosen."""
        return UUID(self.cleaned_data["team"])

    def wish(self) -> KeyWish:
        """What was written, once it is valid."""
        given = self.cleaned_data
        return KeyWish(
            name=given["name"],
            scopes=frozenset(Capability(scope) for scope in given["scopes"]),
            model_names=given["models"] if given["reach"] == SOME else (),
            budget=self.budget(),
            expires_at=given["expires_on"],
        )
