"""Budgets: giving teams credit. What limits bound stands with the limits."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.actors import actor_of
from accounts.services.audit import record
from billing.admin.amounts import SaidOnce, UsdField
from billing.admin.bases import Exported, money
from billing.admin.exports import BudgetResource
from billing.budgets import check_grant, grant_credit, team_key
from billing.errors import AmountInvalid
from billing.limits import RANKS
from billing.models import Budget, BudgetScope, LimitScope, Transfer
from billing.money import format_usd
from billing.topups import Currency, credit_for, top_up

CREDIT = ("credit_usd", "paid_cny", "credit_note", "once")


class OnceField(forms.UUIDField):
    """Another number in each form that is opened, so that sending it twice gives credit once."""

    def has_changed(self, initial: Any, data: Any) -> bool:  # noqa: ARG002
        """It is nothing that a person changes."""
        return False


class BudgetForm(SaidOnce, forms.ModelForm[Budget]):
    """A team's budget grows by credit."""

    credit_usd = UsdField(
        label=_("Give credit, USD"),
        required=False,
        help_text=_("Written to the ledger in your name. A negative amount takes credit back."),
    )

    paid_cny = forms.CharField(
        label=_("Top up, CNY"),
        required=False,
        max_length=30,
        help_text=_("What was paid; it becomes USD by the installation’s rule."),
    )
    credit_note = forms.CharField(
        label=pgettext_lazy("of a transfer", "Note"),
        required=False,
        max_length=150,
        help_text=_("Stands in the ledger beside the credit."),
    )
    once = OnceField(widget=forms.HiddenInput, required=False, initial=uuid4)

    class Meta:
        """What a person sets."""

        model = Budget
        fields = ("team", "soft_limit_percent")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "soft_limit_percent" in self.fields:
            # Django's own words for the table's constraint help nobody.
            self.fields["soft_limit_percent"].validators.append(MaxValueValidator(100))

    def clean(self) -> dict[str, Any] | None:
        """A team, once; credit that can be given."""
        cleaned = super().clean() or self.cleaned_data
        team = cleaned.get("team")
        if self.instance.pk is None and not self.errors:
            if team is None:
                raise ValidationError(_("Choose the team."))
            if Budget.objects.filter(key=team_key(team.pk)).exists():
                raise ValidationError(_("This budget exists already."))
        try:
            if credit := cleaned.get("credit_usd"):
                check_grant(credit)
            if paid := cleaned.get("paid_cny"):
                credit_for(paid, Currency.CNY)
        except AmountInvalid as error:
            raise ValidationError(error.told(), code=error.code) from error
        if self._was_sent(cleaned):
            raise ValidationError(
                _("This form was sent before, and its credit is given. Open it anew to give more.")
            )
        return cleaned

    def _was_sent(self, cleaned: dict[str, Any]) -> bool:
        cleaned["once"] = once = cleaned.get("once") or uuid4()
        keys = [f"grant:form:{once}", f"grant:topup:form:{once}"]
        return Transfer.objects.filter(idempotency_key__in=keys).exists()


class BudgetAdmin(Exported):
    """What teams were given: counters come from the ledger, people give credit."""

    form = BudgetForm
    resource_classes = (BudgetResource,)
    list_display = (
        "owner",
        "granted",
        "spent",
        "held",
        "remaining",
        "soft_limit_percent",
    )
    list_filter = (("team", admin.RelatedOnlyFieldListFilter),)
    list_select_related = ("team", "person")
    search_fields = ("team__name",)
    autocomplete_fields = ()
    readonly_fields = ("granted", "spent", "held", "remaining")
    granted = money("granted_nano_usd", _("granted"))
    spent = money("posted_nano_usd", _("spent"))
    held = money("held_nano_usd", _("held"))
    remaining = money("remaining_nano_usd", _("left"))
    remaining.admin_order_field = None  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Teams' credit, without the periods of limits."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.filter(limit=None)

    @admin.display(description=_("whose"), ordering="key")
    def owner(self, budget: Budget) -> str:
        """The team."""
        return str(budget)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        """Whose it is stays; credit is given again and again."""
        if obj is None:
            return ["team", *CREDIT, "soft_limit_percent"]
        return ["granted", "spent", "held", "remaining", *CREDIT, "soft_limit_percent"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Holds name the budgets they were taken from."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Credit goes through the ledger, and no counter is overwritten."""
        if not change:
            obj.scope, obj.rank = BudgetScope.TEAM, RANKS[LimitScope.TEAM]
            obj.key = team_key(obj.team_id)
            super().save_model(request, obj, form, change)
        else:
            obj.save(update_fields=["soft_limit_percent"])
        actor = actor_of(request)
        if "soft_limit_percent" in form.changed_data:
            record(actor, "soft_limit_set", obj, percent=str(obj.soft_limit_percent))
        for transfer in self._given(obj.team_id, form.cleaned_data, request.user.pk):
            amount = format_usd(transfer.amount_nano_usd)
            record(actor, "credit_given", obj, amount=amount, kind=transfer.kind)

    def _given(
        self, team_id: UUID, given: dict[str, Any], person_id: int | None
    ) -> Iterator[Transfer]:
        note, once = given.get("credit_note") or "", given["once"]
        if credit := given.get("credit_usd"):
            yield grant_credit(
                team_id=team_id,
                amount_nano_usd=credit,
                person_id=person_id,
                note=note or "Given in the administration",
                idempotency_key=f"form:{once}",
            )
        if paid := given.get("paid_cny"):
            yield top_up(
                team_id=team_id,
                amount=paid,
                currency=Currency.CNY,
                person_id=person_id,
                note=note,
                idempotency_key=f"form:{once}",
            )
