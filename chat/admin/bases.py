"""What the admin pages of the chat have in common: they stay quick when the tables are long."""

from collections.abc import Callable
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User
from billing.admin.bases import ReadOnly
from billing.admin.bases import moment as billing_moment

MAX_LISTED_ROWS = 10_000
"""Rows a list pages through; counting and skipping more would read the whole table."""
MAX_EXPORTED_ROWS = 100_000
"""Rows of one CSV file, which is built in memory."""
MAX_PEOPLE_FOUND = 1_000


class BoundedPaginator(Paginator[Any]):
    """Pages through the first rows only, and counts no further."""

    @cached_property
    def count(self) -> int:
        """The number of rows, at most `MAX_LISTED_ROWS`."""
        rows: Any = self.object_list
        first: QuerySet[Any] = rows.order_by().values("pk")[:MAX_LISTED_ROWS]
        return first.count()


class Review(ReadOnly):
    """A long, read-only list that can be exported."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_max_show_all = 200
    # The admin shows its search box only with this; `get_search_results` does the work.
    search_fields = ("id",)

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The newest rows that the filters show."""
        rows: QuerySet[Any] = super().get_export_queryset(request)
        return rows[:MAX_EXPORTED_ROWS]


def moment(field: str, description: Any) -> Callable[[Any, Any], str]:
    """A column of short dates with times; a dash where nothing has happened."""
    shown = billing_moment(field, description)

    @admin.display(description=description, ordering=field)
    def column(model_admin: Any, row: Any) -> str:
        return "–" if getattr(row, field) is None else shown(model_admin, row)

    return column


def people_called(text: str) -> list[int]:
    """Return the ids of people whose user name, name or e-mail address contains `text`."""
    found: set[int] = set()
    for column in ("username", "email", "first_name", "last_name"):
        people = User.objects.filter(**{f"{column}__icontains": text})
        found.update(people.values_list("pk", flat=True)[:MAX_PEOPLE_FOUND])
    return list(found)


def uuid_in(text: str) -> UUID | None:
    """Return the id that `text` is, also written as a ledger's subject `turn:<id>`."""
    try:
        return UUID(text.strip().removeprefix("turn:"))
    except ValueError:
        return None
