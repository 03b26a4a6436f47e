"""The forms of relays and their keys: what may be entered, and what is only remarked on."""

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chat.admin.relay_refusals import networks, told
from chat.models import Relay, RelayKey
from chat.relay.address_guard import AddressRefused, Target, check_url, resolve
from chat.relay.errors import RelayAuth, RelayUnavailable
from chat.relay.keys import PLACEHOLDER, inspect_key, keep_secret
from chat.services.relay_keys import can_seal, is_usable
from chat.turns.relays import SCRIPTED_RELAY, configured, installation_settings

REST_SCHEMES = ("https", "http")
SOCKET_SCHEMES = ("wss", "ws")

TIMES = (
    "connect_timeout_seconds",
    "first_byte_timeout_seconds",
    "idle_timeout_seconds",
    "turn_timeout_seconds",
)
LIMITS = ("requests_per_minute", "tokens_per_minute", "concurrent_streams")


class RelayForm(forms.ModelForm[Relay]):
    """A relay. `remarks` are for the person who saves it; they keep nothing from being saved."""

    class Meta:
        """Everything a person sets."""

        model = Relay
        fields = (
            "name",
            "enabled",
            "base_url",
            "ws_url",
            "transport",
            "priority",
            "weight",
            "models_allowed",
            "resumes",
            *TIMES,
            "max_retries",
            *LIMITS,
        )
        help_texts: ClassVar = {
            "name": _("Names it with turns, in statistics and in alerts."),
            "base_url": _("Up to and with /v1, such as https://api.holysheep.ai/v1"),
            "ws_url": _(
                "Such as wss://stream.holysheep.ai/v1/chat/completions. "
                "Empty: the address above, with wss."
            ),
            "priority": _(
                "Smaller is tried first; the relays of the environment have 0. "
                "The next is tried when one cannot answer."
            ),
            "weight": _("Among relays of equal priority, 3 gets three times as many turns as 1."),
            "models_allowed": _("Patterns such as gpt-*, one a line. Empty: all that it offers."),
            "resumes": _(
                "An answer that breaks off goes on by itself, at the cost of another request. "
                "Else the person is offered to continue."
            ),
        }
        widgets: ClassVar = {
            "models_allowed": forms.Textarea(attrs={"rows": 3, "cols": 40}),
            "base_url": forms.TextInput(attrs={"size": 60, "spellcheck": "false"}),
            "ws_url": forms.TextInput(attrs={"size": 60, "spellcheck": "false"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.remarks: list[str] = []
        usual = installation_settings("", "", "", "")
        for name in (*TIMES, "max_retries", *LIMITS):
            self.fields[name].widget.attrs["placeholder"] = f"{getattr(usual, name):g}"

    def clean_name(self) -> str:
        """A name of the environment's relays is theirs."""
        name: str = self.cleaned_data["name"].strip()
        if not name.isprintable():
            raise ValidationError(_("The name holds a character that cannot be shown."))
        # The demo relay's answers are marked as scripted, and its counts not weighed.
        if name in {SCRIPTED_RELAY, *(each.name for each in configured())}:
            raise ValidationError(_("A relay of the environment has this name already."))
        return name

    def clean_base_url(self) -> str:
        """Refuse what leads where nothing of ours should go."""
        return self._checked("base_url", REST_SCHEMES)

    def clean_ws_url(self) -> str:
        """The same, where there is one."""
        return self._checked("ws_url", SOCKET_SCHEMES) if self.cleaned_data["ws_url"] else ""

    def clean_models_allowed(self) -> str:
        """Patterns, one a line."""
        return "\n".join(self.cleaned_data["models_allowed"].split())

    def clean(self) -> dict[str, Any] | None:
        """Remark on a WebSocket address that is elsewhere: the key goes there too."""
        cleaned = super().clean() or self.cleaned_data
        rest, socket_url = cleaned.get("base_url"), cleaned.get("ws_url")
        if rest and socket_url:
            one = check_url(rest, networks(), REST_SCHEMES).host
            other = check_url(socket_url, networks(), SOCKET_SCHEMES).host
            if one != other:
                self.remarks.append(
                    gettext("The key is sent to %(one)s and to %(other)s.")
                    % {"one": one, "other": other}
                )
        return cleaned

    def _checked(self, name: str, schemes: tuple[str, ...]) -> str:
        url: str = self.cleaned_data[name].strip().rstrip("/")
        try:
            target = check_url(url, networks(), schemes)
            asyncio.run(_resolved(target))
        except AddressRefused as refusal:
            raise ValidationError(told(refusal)) from refusal
        except RelayUnavailable:
            # It may be set up before its name is; each connection is checked anew.
            self.remarks.append(
                gettext("The name %(host)s is not found now.") % {"host": target.host}
            )
        return url


class KeyForm(forms.ModelForm[RelayKey]):
    """A key: entered, and never shown again. Empty keeps what is stored."""

    key = forms.CharField(
        label=_("Key"),
        required=False,
        max_length=500,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text=_("Empty keeps the stored one."),
    )

    class Meta:
        """Everything a person sets beside the key."""

        model = RelayKey
        fields = ("label", "enabled", "weight")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.remarks: list[str] = []

    def clean_label(self) -> str:
        """It stands in logs and on terminals."""
        label: str = self.cleaned_data["label"]
        if not label.isprintable():
            raise ValidationError(_("The name holds a character that cannot be shown."))
        return label

    def clean_key(self) -> str:
        """Refuse what cannot be a key; no message holds any of it."""
        key: str = self.cleaned_data["key"]
        keep_secret(key)
        if not key:
            if self.instance.pk is None:
                raise ValidationError(_("Enter the key."))
            return ""
        if not can_seal():
            raise ValidationError(no_secret())
        try:
            warning = inspect_key(key)
        except RelayAuth:
            text = _("The placeholder of the documents is no key.")
            odd = _("No key holds such characters.")
            raise ValidationError(text if key == PLACEHOLDER else odd) from None
        if warning is not None:
            self.remarks.append(
                gettext("The key of %(label)s begins unlike those of HolySheep. It is kept.")
                % {"label": self.cleaned_data.get("label", "")}
            )
        return key


class KeyFormSet(forms.BaseInlineFormSet[RelayKey, Relay, forms.ModelForm[RelayKey]]):
    """The keys of one relay."""

    def clean(self) -> None:
        """A key was entered for the hosts it was to go to: for others it is entered again."""
        super().clean()
        for form in self.initial_forms:
            if form.cleaned_data.get("key") or form.cleaned_data.get("DELETE"):
                continue
            row = form.instance
            was_usable = is_usable(RelayKey.objects.select_related("relay").get(pk=row.pk))
            row.relay = self.instance
            if was_usable and not is_usable(row):
                form.add_error(
                    "key",
                    _("The relay's address leads to another host: enter the key again for it."),
                )


def no_secret() -> str:
    """What to do where keys cannot be sealed."""
    return gettext(
        "Keys cannot be kept yet: set RELAY_KEY_SECRETS to a random text of 32 characters or "
        "more, and start the server again."
    )


async def _resolved(target: Target) -> list[str]:
    return await resolve(target.host, target.port, networks(), plain=target.plain, lookup=_look_up)


async def _look_up(host: str, port: int) -> Sequence[str]:
    """Ask in this thread, which serves nobody else."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]
