"""The form of a new batch: a file or pasted lines, and what holds for all of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast
from uuid import uuid4, uuid5

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.formatting import shown_usd
from chat.completions.requests import MOST_TOKENS
from chat.queries.model_list import ModelView
from chat.services.batches import MOST_NAME_CHARACTERS, Form, NewBatch

MOST_PUT_BACK_BYTES = 262_144
"""A file that comes back in the text field when it was refused, as browsers forget files."""
LOOKS = "change->batch-form#changed"
LOOKS_WHILE_TYPING = "input->batch-form#changed"
FILES = {
    "accept": ".jsonl,.ndjson,.txt,application/jsonl,application/x-ndjson,text/plain",
    "data-batch-form-target": "file",
    "data-action": LOOKS,
}
PROMPTS = {
    "rows": 8,
    "spellcheck": "false",
    "data-action": LOOKS_WHILE_TYPING,
}


class BatchForm(forms.Form):
    """What somebody wants answered. Call `wanted` once it is valid."""

    client_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    file = forms.FileField(
        label=gettext_lazy("A file"),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs=FILES),
        help_text=gettext_lazy("Drop it here or choose it: JSONL, or a text with a prompt a line."),
    )
    prompts = forms.CharField(
        label=gettext_lazy("Or the lines themselves"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs=PROMPTS),
        help_text=gettext_lazy("One prompt a line. Lines that begin with { are read as JSON."),
    )
    model = forms.ChoiceField(
        label=gettext_lazy("Model"),
        widget=forms.Select(attrs={"data-action": LOOKS}),
        help_text=gettext_lazy("For lines that name none."),
    )
    max_tokens = forms.IntegerField(
        label=gettext_lazy("Longest answer, tokens"),
        required=False,
        min_value=1,
        max_value=MOST_TOKENS,
        widget=forms.NumberInput(attrs={"data-action": LOOKS}),
        help_text=gettext_lazy("Empty: as long as answers may be here."),
    )
    name = forms.CharField(
        label=gettext_lazy("Name"),
        required=False,
        max_length=MOST_NAME_CHARACTERS,
        help_text=gettext_lazy("So that you find it again."),
    )
    system = forms.CharField(
        label=gettext_lazy("Instruction to the model"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Said before every line that has none of its own."),
    )

    def __init__(self, models: Sequence[ModelView], default: str, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        # While no relay answers any of them may be asked: the lines wait for it.
        usable = [model for model in models if model.available] or models
        choices = [(model.id, _named(model)) for model in usable if not model.hidden]
        self.fields["model"].choices = choices  # type: ignore[attr-defined]
        self.fields["model"].initial = default
        self.fields["concurrency"] = forms.IntegerField(
            label=gettext_lazy("Answers at a time"),
            initial=settings.BATCHES.concurrency,
            min_value=1,
            max_value=settings.BATCHES.max_concurrency,
        )

    @property
    def choices(self) -> list[forms.BoundField]:
        """The fields that stand beside each other."""
        return [self[name] for name in ("model", "max_tokens", "concurrency", "name")]

    @property
    def refusals(self) -> list[str]:
        """Why it cannot be sent, a sentence each."""
        told = []
        for name, errors in self.errors.items():
            label = f"{self[name].label}: " if name in self.fields else ""
            told += [f"{label}{error}" for error in errors]
        return told

    def clean(self) -> dict[str, Any]:
        """One source of lines. Raises forms.ValidationError for none and for two."""
        cleaned = super().clean() or {}
        file, prompts = cleaned.get("file"), cleaned.get("prompts", "")
        if file and prompts.strip():
            raise forms.ValidationError(
                _("There are lines in the file and in the field. Empty one of them.")
            )
        if not file and not prompts.strip():
            raise forms.ValidationError(_("Choose a file, or write some lines."))
        return cleaned

    def wanted(self) -> NewBatch:
        """The batch as it is to be made. The same lines sent twice by one page are one batch."""
        said = self.cleaned_data
        file = said["file"]
        content = file.read() if file else said["prompts"].replace("\r\n", "\n").encode()
        options = {name: said[name] for name in ("max_tokens", "system") if said[name]}
        batch = NewBatch(
            content=content,
            form=_form_of(file.name if file else "", content),
            name=said["name"],
            model=said["model"],
            options=options,
            concurrency=said["concurrency"],
        )
        return replace(batch, client_id=uuid5(said["client_id"], batch.sha256))

    def put_back(self) -> None:
        """Write a short file's text into the field: no browser sends a chosen file twice."""
        file, data = self.files.get("file"), cast(QueryDict, self.data)
        if file is None or (file.size or 0) > MOST_PUT_BACK_BYTES:
            return
        file.seek(0)
        self.data = data.copy()
        self.data["prompts"] = file.read().decode(errors="replace")


def _form_of(name: str, content: bytes) -> Form:
    """Whether lines are JSON, by the file's name or by what the first one begins with."""
    if name.lower().endswith((".jsonl", ".ndjson")):
        return "jsonl"
    return "jsonl" if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{" else "text"


def _named(model: ModelView) -> str:
    price = model.price
    if price is None:
        return model.name
    return _("%(model)s · %(input)s in, %(output)s out per million tokens") % {
        "model": model.name,
        "input": shown_usd(price.input_nano_usd_per_million),
        "output": shown_usd(price.output_nano_usd_per_million),
    }
