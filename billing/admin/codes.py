"""Redemption codes: making them, seeing what became of them, revoking them."""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from import_export import fields, resources

from accounts.actors import actor_of
from accounts.admin.bases import Discreet
from billing.admin.amounts import UsdField
from billing.admin.bases import ReadOnly, moment, money
from billing.admin.exports import Usd
from billing.codes import MAX_CODES, MAX_NOTE_CHARACTERS, make_codes, revoke_code
from billing.errors import AmountInvalid
from billing.models import Code

TEMPLATE = "admin/billing/make_codes.html"
REMEMBERED_SECONDS = 24 * 3600
"""A form that was sent is known for so long: reloading the page of its codes makes no others."""


class MakeCodesForm(forms.Form):
    """How many codes, and what each is worth."""

    count = forms.IntegerField(
        label=gettext_lazy("How many"), min_value=1, max_value=MAX_CODES, initial=1
    )
    amount = UsdField(label=gettext_lazy("Each worth, USD"))
    expires_at = forms.DateTimeField(
        label=gettext_lazy("Expires, UTC"),
        required=False,
        help_text=gettext_lazy("Empty: never."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    note = forms.CharField(
        label=pgettext_lazy("of a transfer", "Note"),
        required=False,
        max_length=MAX_NOTE_CHARACTERS,
        help_text=gettext_lazy("Stands in the ledger, and whoever redeems a code reads it."),
    )
    once = forms.UUIDField(widget=forms.HiddenInput)


class CodeResource(resources.ModelResource):  # type: ignore[misc]
    """Codes without what they are: only their ends."""

    amount_usd = Usd("amount_nano_usd", "amount_usd")
    made_by = fields.Field("created_by__username", "made_by")
    redeemed_by = fields.Field("redeemed_by__username", "redeemed_by")
    team = fields.Field("transfer__team__name", "team")

    class Meta:
        """Columns in order."""

        model = Code
        fields = export_order = (
            "hint",
            "amount_usd",
            "note",
            "created_at",
            "made_by",
            "expires_at",
            "revoked_at",
            "redeemed_at",
            "redeemed_by",
            "team",
        )


class CodeAdmin(Discreet, ReadOnly):
    """A code is shown once, on the page that made it; here stands its end, and its state."""

    secret_columns = ("digest",)
    resource_classes = (CodeResource,)
    why_read_only = gettext_lazy(
        "A code is shown once, when it is made, and kept only as a digest. Each gives its credit "
        "once; one that was not redeemed can be revoked."
    )
    when_empty = gettext_lazy(
        "No codes yet. Make some, and give them to whoever shall redeem them."
    )
    list_display = (
        "shown_end",
        "amount",
        "state",
        "team",
        "redeemed_by",
        "note",
        "made",
        "created_by",
    )
    list_filter = ("redeemed_at", "revoked_at", "expires_at")
    list_select_related = ("created_by", "redeemed_by", "transfer__team")
    search_fields = ("hint", "note", "redeemed_by__username", "transfer__team__name")
    fields = readonly_fields = (
        "shown_end",
        "amount",
        "state",
        "note",
        "created_at",
        "created_by",
        "expires_at",
        "revoked_at",
        "redeemed_at",
        "redeemed_by",
        "transfer",
    )
    actions = ("revoke",)
    amount = money("amount_nano_usd", gettext_lazy("amount"))
    made = moment("created_at", gettext_lazy("created"))

    @admin.display(description=gettext_lazy("ends with"), ordering="hint")
    def shown_end(self, code: Code) -> str:
        """All that is shown of a code."""
        return str(code)

    @admin.display(description=gettext_lazy("state"))
    def state(self, code: Code) -> str:
        """Whether it can be redeemed, in one word."""
        if code.redeemed_at is not None:
            return _("redeemed")
        if code.revoked_at is not None:
            return _("revoked")
        if code.expires_at is not None and code.expires_at <= timezone.now():
            return _("expired")
        return pgettext("code", "open")

    @admin.display(description=gettext_lazy("team"), ordering="transfer__team__name")
    def team(self, code: Code) -> str:
        """Who got the credit."""
        return str(code.transfer.team) if code.transfer else "–"

    @admin.action(description=gettext_lazy("Revoke selected codes"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Code]) -> None:
        """Make those worthless that were not redeemed."""
        count = sum(revoke_code(code, actor=actor_of(request)) for code in queryset)
        text = ngettext("%(count)d code revoked.", "%(count)d codes revoked.", count)
        messages.success(request, text % {"count": count})

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whoever may change codes."""
        return request.user.has_perm("billing.change_code")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever may add codes makes them here."""
        return request.user.has_perm("billing.add_code")

    @method_decorator(never_cache)
    @method_decorator(sensitive_variables())
    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Ask how many; then show the codes, this once."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = MakeCodesForm(request.POST or None, initial={"once": uuid4()})
        texts: list[str] = []
        if request.method == "POST" and form.is_valid():
            if not cache.add(f"codes:{form.cleaned_data['once']}", True, REMEMBERED_SECONDS):
                messages.warning(request, _("These codes were made and shown already."))
                return redirect("admin:billing_code_changelist")
            texts = self._made(request, form)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Make codes"),
            "form": form,
            "texts": texts,
            "text_file": f"data:text/plain;charset=utf-8,{quote(chr(10).join(texts))}",
            **(extra_context or {}),
        }
        return TemplateResponse(request, TEMPLATE, context)

    @sensitive_variables()
    def _made(self, request: HttpRequest, form: MakeCodesForm) -> list[str]:
        given = form.cleaned_data
        try:
            return make_codes(
                count=given["count"],
                amount_nano_usd=given["amount"],
                note=given["note"],
                expires_at=given["expires_at"],
                actor=actor_of(request),
            ).texts
        except AmountInvalid as refusal:
            form.add_error(None, refusal.told())
            cache.delete(f"codes:{given['once']}")
            return []
