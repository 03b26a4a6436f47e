"""The form that takes a relay's bill."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chat.models import Attempt

MAX_UPLOAD_BYTES = 8 * 1024 * 1024
"""A request waits for it; a longer bill is for `manage.py reconcile`."""
MOMENT = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class BillForm(forms.Form):
    """A bill, whose it is and of when. `tried` is the dry run that it had; then it may correct."""

    relay = forms.ChoiceField(label=gettext_lazy("Relay"))
    since = forms.DateTimeField(label=gettext_lazy("From, UTC"), widget=MOMENT)
    until = forms.DateTimeField(label=gettext_lazy("To, UTC"), widget=MOMENT)
    bill = forms.FileField(
        label=gettext_lazy("Bill"),
        max_length=200,
        help_text=gettext_lazy("CSV or JSON lines, up to 8 MiB. First it is only compared."),
    )
    complete = forms.BooleanField(
        label=gettext_lazy("The bill is whole"),
        required=False,
        help_text=gettext_lazy(
            "What it does not bill was charged for nothing, and is given back to the teams."
        ),
    )
    tried = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = Attempt.objects.order_by("relay").values_list("relay", flat=True).distinct()
        self.fields["relay"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]

    def clean_bill(self) -> "UploadedFile[Any]":
        """A file of no more than is read at once."""
        bill: UploadedFile[Any] = self.cleaned_data["bill"]
        if (bill.size or 0) > MAX_UPLOAD_BYTES:
            raise ValidationError(
                _("This file has more than 8 MiB. Use “manage.py reconcile” on the server.")
            )
        return bill


def last_month() -> dict[str, datetime]:
    """The month before this one, in UTC: that of which a bill mostly is."""
    until = timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return {"since": (until - timedelta(days=1)).replace(day=1), "until": until}
