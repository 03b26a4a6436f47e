"""Budgets: giving credit, setting limits."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from billing.admin.amounts import UsdField
from billing.admin.bases import Exported, money
from billing.admin.exports import BudgetResource
from billing.budgets import RANKS, check_grant, grant_credit, key_of
from billing.errors import AmountInvalid
from billing.models import Budget, BudgetScope


class BudgetForm(forms.ModelForm[Budget]):
    """A team's budget grows by credit; the other budgets are limits."""

    granted_nano_usd = UsdField(label=_("Limit, USD"), required=False)
    credit_usd = UsdField(
        label=_("Give credit, USD"),
        required=False,
        help_text=_("Written to the ledger in your name. A negative amount takes credit back."),
    )

    class Meta:
        """What a person sets."""

        model = Budget
        fields = ("scope", "team", "person", "granted_nano_usd", "soft_limit_percent")

    def clean(self) -> dict[str, Any] | None:
        """An owner that fits the scope, once; a limit that is not negative."""
        cleaned = super().clean() or self.cleaned_data
        if self.instance.pk is None and not self.errors:
            self._check_owner(cleaned)
        limit = cleaned.get("granted_nano_usd")
        if limit is not None and limit < 0:
            raise ValidationError(_("A limit is not negative."))
        cleaned["granted_nano_usd"] = limit or 0
        if not self.errors:
            self._check_credit(cleaned)
        return cleaned

    def _check_credit(self, cleaned: dict[str, Any]) -> None:
        is_teams = cleaned.get("scope") == BudgetScope.TEAM
        credit = cleaned.get("credit_usd") or (is_teams and cleaned["granted_nano_usd"])
        try:
            if credit:
                check_grant(credit)
        except AmountInvalid as error:
            raise ValidationError(str(error), code=error.code) from error

    def _check_owner(self, cleaned: dict[str, Any]) -> None:
        scope, team, person = cleaned["scope"], cleaned["team"], cleaned["person"]
        wanted = {
            BudgetScope.INSTALLATION: (False, False),
            BudgetScope.TEAM: (True, False),
            BudgetScope.PERSON: (True, True),
        }[BudgetScope(scope)]
        if (team is not None, person is not None) != wanted:
            raise ValidationError(
                _("A team's budget names the team, a person's the team and the person.")
            )
        if Budget.objects.filter(
            key=key_of(Budget(scope=scope, team=team, person=person))
        ).exists():
            raise ValidationError(_("This budget exists already."))


class BudgetAdmin(Exported):
    """Counters come from the ledger; people give credit, set limits and soft limits."""

    form = BudgetForm
    resource_classes = (BudgetResource,)
    list_display = (
        "owner",
        "scope",
        "granted",
        "spent",
        "held",
        "remaining",
        "soft_limit_percent",
    )
    list_filter = ("scope", ("team", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("team", "person")
    search_fields = ("team__name", "person__username")
    autocomplete_fields = ()
    readonly_fields = ("spent", "held", "remaining")
    granted = money("granted_nano_usd", _("granted"))
    spent = money("posted_nano_usd", _("spent"))
    held = money("held_nano_usd", _("held"))
    remaining = money("remaining_nano_usd", _("left"))
    remaining.admin_order_field = None  # type: ignore[attr-defined]

    @admin.display(description=_("whose"), ordering="key")
    def owner(self, budget: Budget) -> str:
        """The team, the person in it, or everybody."""
        return str(budget)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        """A team's own budget is given credit, another one a limit."""
        if obj is None:
            return ["scope", "team", "person", "granted_nano_usd", "soft_limit_percent"]
        changed = "credit_usd" if obj.scope == BudgetScope.TEAM else "granted_nano_usd"
        return ["spent", "held", "remaining", changed, "soft_limit_percent"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Holds name the budgets they were taken from."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store the limits. Credit goes through the ledger, and no counter is overwritten."""
        if not change:
            obj.rank, obj.key = RANKS[BudgetScope(obj.scope)], key_of(obj)
            credit = obj.granted_nano_usd if obj.scope == BudgetScope.TEAM else 0
            obj.granted_nano_usd -= credit
            super().save_model(request, obj, form, change)
        else:
            credit = form.cleaned_data.get("credit_usd") or 0
            names = [
                name for name in ("granted_nano_usd", "soft_limit_percent") if name in form.fields
            ]
            obj.save(update_fields=names)
        if credit:
            grant_credit(
                team_id=obj.team_id,
                amount_nano_usd=credit,
                person_id=request.user.pk,
                note="Given in the administration",
            )
