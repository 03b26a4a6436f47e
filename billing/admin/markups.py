"""Markups: versions are added, in percent, never edited."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from import_export import fields, resources

from accounts.actors import actor_of
from accounts.services.audit import record
from billing.admin.amounts import SaidOnce
from billing.admin.bases import Exported
from billing.errors import BillingError
from billing.markups import (
    basis_points_to_percent,
    check_markup,
    percent_to_basis_points,
    set_markup,
)
from billing.models import Markup


class PercentField(forms.CharField):
    """Reads "12.5" as 1250 basis points, exactly or not at all; empty as None."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 12} | kwargs)

    def to_python(self, value: Any) -> Any:
        """The markup in basis points."""
        text = super().to_python(value)
        if not text:
            return None
        try:
            return percent_to_basis_points(text)
        except BillingError as error:
            raise ValidationError(error.told(), code=error.code) from error

    def prepare_value(self, value: Any) -> Any:
        """The markup in percent, as a person writes it."""
        return basis_points_to_percent(value) if isinstance(value, int) else value

    def validate(self, value: Any) -> None:
        """Required means given: zero is a markup."""
        if self.required and value is None:
            raise ValidationError(self.error_messages["required"], code="required")

    def run_validators(self, value: Any) -> None:
        """The text's validators do not fit a number; it was checked when it was read."""


class MarkupForm(SaidOnce, forms.ModelForm[Markup]):
    """A new version."""

    basis_points = PercentField(
        label=_("Markup, percent"),
        help_text=_("Such as 12.5; a negative one is a discount, at most −100."),
    )

    class Meta:
        """Everything a person sets."""

        model = Markup
        fields = ("team", "basis_points", "starts_at")
        help_texts: ClassVar = {
            "team": _("Empty: all teams that have no markup of their own."),
            "starts_at": _("Empty: now."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "starts_at" in self.fields:
            self.fields["starts_at"].required = False

    def clean(self) -> dict[str, Any] | None:
        """Refuse what `set_markup` refuses."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            team = cleaned.get("team")
            try:
                check_markup(
                    cleaned["basis_points"], team.pk if team else None, cleaned.get("starts_at")
                )
            except BillingError as error:
                raise ValidationError(error.told(), code=error.code) from error
        return cleaned


class MarkupResource(resources.ModelResource):  # type: ignore[misc]
    """Markups."""

    team = fields.Field(attribute="team__name", column_name="team")
    percent = fields.Field(column_name="percent")
    set_by = fields.Field(attribute="created_by__username", column_name="set_by")

    class Meta:
        """Columns in order."""

        model = Markup
        fields = export_order = ("id", "team", "percent", "starts_at", "created_at", "set_by")

    def dehydrate_percent(self, markup: Markup) -> str:
        """As people write it."""
        return basis_points_to_percent(markup.basis_points)


class MarkupAdmin(Exported):
    """Adding is allowed; changing and deleting are not, and the database refuses them too."""

    form = MarkupForm
    resource_classes = (MarkupResource,)
    why_read_only = _(
        "Markups are never edited: turns were charged with them. Add a version that starts now or "
        "later. A team's own comes before the one for all; its own of 0 means none."
    )
    when_empty = _("Teams pay what the relay asks, without a markup.")
    list_display = ("whose", "percent", "starts_at", "created_by")
    list_filter = (("team", admin.RelatedOnlyFieldListFilter), "starts_at")
    list_select_related = ("team", "created_by")
    search_fields = ("team__name",)
    readonly_fields = ("whose", "percent", "created_by")

    @admin.display(description=_("whose"), ordering="team")
    def whose(self, markup: Markup) -> str:
        """The team, or all."""
        return str(markup.team) if markup.team else str(_("All teams"))

    @admin.display(description=_("markup, percent"), ordering="basis_points")
    def percent(self, markup: Markup) -> str:
        """As people write it."""
        return basis_points_to_percent(markup.basis_points)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        """What is set; of a version that is there, what it says."""
        return (
            MarkupForm.Meta.fields
            if obj is None
            else ("whose", "percent", "starts_at", "created_by")
        )

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
        """Add the version through the same door as everybody."""
        starts_at = form.cleaned_data.get("starts_at")
        made = set_markup(obj.basis_points, obj.team_id, starts_at, request.user.pk)
        obj.pk, obj.starts_at = made.pk, made.starts_at
        obj._state.adding = False
        percent = basis_points_to_percent(made.basis_points)
        team = str(made.team) if made.team else ""
        starts_at = made.starts_at.isoformat()
        record(
            actor_of(request), "markup_set", made, percent=percent, team=team, starts_at=starts_at
        )
