"""Models and their other names: what administrators say of them, beside offers and prices."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_of
from accounts.services.audit import record
from chat.admin.administrators import ForAdministrators
from chat.admin.model_rows import MAX_ROWS, VIEWS, model_rows, offers_now
from chat.models import ModelAlias, ModelSetting
from chat.relay.capabilities import MAX_CONTEXT_TOKENS, MIN_CONTEXT_TOKENS
from chat.turns.relays import relays_changed

WHETHER = (("", _("as the relay says")), ("True", _("yes")), ("False", _("no")))


class NameField(forms.CharField):
    """A model's name: text that can be shown, stored and sent."""

    def clean(self, value: Any) -> str:
        """Refuse control characters, which could make it pass for another name."""
        name: str = super().clean(value)
        if not name.isprintable():
            raise ValidationError(_("This name contains a character that cannot be shown."))
        return name


class ModelSettingForm(forms.ModelForm[ModelSetting]):
    """What is said of one model."""

    class Meta:
        """Everything."""

        model = ModelSetting
        fields = ("model", "name", "visibility", "vision", "reasoning", "context_tokens")
        field_classes: ClassVar = {"model": NameField, "name": NameField}
        widgets: ClassVar = {
            "vision": forms.Select(choices=WHETHER),
            "reasoning": forms.Select(choices=WHETHER),
        }
        help_texts: ClassVar = {
            "model": _("Its id at the relay."),
            "name": _("Empty: as the relay calls it."),
            "visibility": _(
                "Hidden: new conversations are not offered it, those that use it go on. "
                "Forbidden: nobody can send to it any more, under any name."
            ),
            "context_tokens": _(
                "How many tokens prompt and answer may have together. Empty: as the relay says."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["model"].disabled = True
        self.fields["context_tokens"].validators += [
            MinValueValidator(MIN_CONTEXT_TOKENS),
            MaxValueValidator(MAX_CONTEXT_TOKENS),
        ]


class Recorded(ForAdministrators):
    """Each change is written to the audit log, and holds in the running servers within seconds."""

    audited_as = ""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store it."""
        super().save_model(request, obj, form, change)
        said = {name: str(form.cleaned_data[name]) for name in form.changed_data}
        self._record(request, "changed" if change else "added", obj, said)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Take it back."""
        self._record(request, "deleted", obj, {})
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Take several back, each by itself."""
        for obj in queryset:
            self.delete_model(request, obj)

    def _record(self, request: HttpRequest, what: str, obj: Any, said: dict[str, str]) -> None:
        record(actor_of(request), f"{self.audited_as}_{what}", obj, **said)
        transaction.on_commit(relays_changed)


class ModelSettingAdmin(Recorded):
    """All models in one place: who offers each, its price, who may choose it."""

    form = ModelSettingForm
    audited_as = "model_setting"

    def changelist_view(
        self,
        request: HttpRequest,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The models that are offered or have a price, not only those something is said of."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        query, view = request.GET.get("q", "").strip(), request.GET.get("view", "all")
        offers = offers_now()
        rows = [row for row in model_rows(offers or ()) if row.fits(view, query)]
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Models"),
            "opts": self.opts,
            "relays_silent": offers is None,
            "query": query,
            "view": view if view in VIEWS else "all",
            "views": list(zip(VIEWS, _view_names(), strict=True)),
            "rows": rows[:MAX_ROWS],
            "more": max(0, len(rows) - MAX_ROWS),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/chat/model/list.html", context)


def _view_names() -> tuple[str, ...]:
    return (
        gettext("All"),
        gettext("With a price"),
        gettext("Without a price"),
        gettext("Hidden or forbidden"),
        gettext("Not offered"),
    )


class ModelAliasForm(forms.ModelForm[ModelAlias]):
    """Another name for a model."""

    class Meta:
        """Both names."""

        model = ModelAlias
        fields = ("alias", "model")
        field_classes: ClassVar = {"alias": NameField, "model": NameField}
        help_texts: ClassVar = {
            "alias": _("The name that people or programs use."),
            "model": _("The id of the model at the relay that is asked instead."),
        }


class ModelAliasAdmin(Recorded):
    """Other names for models, and whether each leads anywhere now."""

    form = ModelAliasForm
    audited_as = "model_alias"
    search_fields = ("alias", "model")
    list_display = ("alias", "model")

    def get_list_display(self, request: HttpRequest) -> Any:
        """With a state, for which the relays are asked once."""
        if not hasattr(request, "alias_columns"):
            offers = offers_now()
            request.alias_columns = (  # type: ignore[attr-defined]
                *self.list_display,
                _state_column(None if offers is None else {offer.model for offer in offers}),
            )
        return request.alias_columns  # type: ignore[attr-defined]


def _state_column(offered: set[str] | None) -> Any:
    @admin.display(description=_("state"))
    def state(row: ModelAlias) -> str:
        if offered is None:
            return gettext("No relay answers.")
        if row.alias in offered:
            return gettext("Not in use: a relay offers a model of this name.")
        if row.model not in offered:
            return gettext("Leads nowhere: no relay offers the model now.")
        return gettext("In use.")

    return state
