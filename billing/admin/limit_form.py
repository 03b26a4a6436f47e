"""The form of a limit."""

import re
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import APIKey
from accounts.services.keys import PREFIX_BYTES
from billing.admin.amounts import SaidOnce, UsdField
from billing.errors import BillingError, LimitExists
from billing.limit_setting import NewLimit, check_amount, check_limit, checked_percents
from billing.models import Limit, LimitScope, Period

KEY = re.compile(rf"(tram_)?(?P<prefix>[0-9a-f]{{{2 * PREFIX_BYTES}}})(_…?)?")
CHANGED = ("amount_nano_usd", "is_hard", "warn_percents")


class LimitForm(SaidOnce, forms.ModelForm[Limit]):
    """A new limit, or another amount for one that is in force."""

    amount_nano_usd = UsdField(
        label=_("Limit, USD"),
        help_text=_(
            "What may be spent until it starts afresh. It counts from the moment it is set."
        ),
    )
    api_key = forms.CharField(
        label=_("API key"),
        required=False,
        max_length=30,
        help_text=_("Its beginning, such as tram_0123456789."),
    )

    class Meta:
        """What a person sets."""

        model = Limit
        fields = (
            "scope",
            "team",
            "person",
            "conversation_id",
            "api_key",
            "period",
            "zone",
            *CHANGED,
        )
        labels: ClassVar = {"period": pgettext_lazy("how often", "Starts afresh")}
        help_texts: ClassVar = {
            "scope": _(
                "A team’s limit needs the team, a person’s also the person, a conversation’s also "
                "the conversation, an API key’s also the key; that of the installation none of "
                "them."
            ),
            "conversation_id": _("What stands in its address between the last two slashes."),
            "warn_percents": _("Spend alerts are sent when so much is used."),
        }

    def clean_api_key(self) -> APIKey | None:
        """The key that begins as was written; a whole one will not do, it is a secret."""
        written = KEY.fullmatch(self.cleaned_data["api_key"].strip())
        if written is None and self.cleaned_data["api_key"].strip():
            raise ValidationError(_("Write the beginning of the key, such as tram_0123456789."))
        if written is None:
            return None
        key = APIKey.objects.filter(prefix=written["prefix"]).first()
        if key is None:
            raise ValidationError(_("There is no API key that begins like this."))
        # The table's constraints are asked with it.
        self.instance.api_key_id = key.pk
        return key

    def clean(self) -> dict[str, Any]:
        """A limit that makes sense, one in force for each owner and period."""
        if self.errors:
            return self.cleaned_data
        key, team = self.cleaned_data.get("api_key"), self.cleaned_data.get("team")
        if key is not None and team is not None and key.team_id != team.pk:
            self.add_error("api_key", _("This key is of another team."))
            return self.cleaned_data
        try:
            if self.instance.pk is None:
                check_limit(self.new())
                if Limit.objects.filter(key=self.new().key, ended_at=None).exists():
                    raise LimitExists
            else:
                check_amount(self.cleaned_data["amount_nano_usd"])
                checked_percents(self.cleaned_data["warn_percents"])
        except BillingError as error:
            raise ValidationError(error.told(), code=error.code) from error
        return self.cleaned_data

    def new(self) -> NewLimit:
        """What was written into the form."""
        given = self.cleaned_data
        return NewLimit(
            scope=LimitScope(given["scope"]),
            amount_nano_usd=given["amount_nano_usd"],
            team_id=given["team"].pk if given["team"] else None,
            person_id=given["person"].pk if given["person"] else None,
            conversation_id=given["conversation_id"],
            api_key_id=given["api_key"].pk if given["api_key"] else None,
            period=Period(given["period"]),
            zone=given["zone"],
            is_hard=given["is_hard"],
            warn_percents=given["warn_percents"],
        )
