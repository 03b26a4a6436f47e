"""Whose a limit or a budget is, for people: an API key by its name."""

from django.db.models import CharField, F, OuterRef, Subquery, Value
from django.db.models.functions import Concat
from django.utils.translation import gettext as _

from accounts.models import APIKey
from billing.models import Budget, Limit


def key_called(reference: str) -> Subquery:
    """An expression for what an API key is called, by a column that holds its id."""
    shown = Concat(F("name"), Value(" (tram_"), F("prefix"), Value("_…)"), output_field=CharField())
    return Subquery(APIKey.objects.filter(pk=OuterRef(reference)).order_by().values_list(shown))


def owner_of(row: Limit | Budget, key: str | None = None) -> str:
    """The team, the person in it, the conversation, the API key, or everybody. `key` is what
    `key_called` said, where that was asked with the row; else a query asks it."""
    if row.api_key_id is None:
        return str(row)
    if key is None:
        keys = APIKey.objects.filter(pk=row.api_key_id)
        key = str(keys.first() or row.api_key_id)
    return f"{_('API key')} {key}, {row.team}"
