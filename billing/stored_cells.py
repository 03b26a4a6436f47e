"""Cells that cannot be what their column says, and references to rows that are not there.

SQLite stores anything in any column, and its shell checks no reference; on PostgreSQL it takes
somebody who switches the checks off. Reading such rows through the models fails, or leaves them out
without a word: so they are named before anything is read.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Field, ForeignKey, Model

from billing.fold import Difference

SHOWN_CHARACTERS = 60
_DAY = "-".join(("[0-9]" * 4, "[0-9]" * 2, "[0-9]" * 2))
_SECOND = _DAY + " " + ":".join(["[0-9]" * 2] * 3)
_MOMENTS = (_SECOND, _SECOND + "." + "[0-9]" * 3, _SECOND + "." + "[0-9]" * 6)
_WHOLE = "typeof({c}) <> 'integer'"
_TEXT = "typeof({c}) <> 'text'"
_MEANS_NOTHING = {
    "BooleanField": f"{_WHOLE} OR {{c}} NOT IN (0, 1)",
    "CharField": _TEXT,
    "TextField": _TEXT,
    "JSONField": _TEXT,
    "UUIDField": f"{_TEXT} OR length({{c}}) <> 32 OR {{c}} GLOB '*[^0-9a-f]*'",
    # The day is read by SQLite too, which would make 2 March of 30 February.
    "DateField": f"{_TEXT} OR {{c}} NOT GLOB '{_DAY}' OR {{c}} GLOB '0000*' "
    "OR date({c}, '+0 days') IS NOT +{c}",
    "DateTimeField": f"{_TEXT} OR {{c}} GLOB '0000*' OR NOT ("
    + " OR ".join(f"{{c}} GLOB '{form}'" for form in _MOMENTS)
    + ") OR datetime(substr({c}, 1, 19), '+0 days') IS NOT substr({c}, 1, 19)",
}
"""By a field's kind, as SQLite's condition; of all others, whole numbers are meant."""


@contextmanager
def reading_any_text() -> Iterator[None]:
    """Let text be read that is not UTF-8, on SQLite: else it ends whoever reads its row."""
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    database: Any = connection.connection
    before = database.text_factory
    database.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    try:
        yield
    finally:
        database.text_factory = before


def cell_differences() -> Iterator[Difference]:
    """Each cell that cannot be what its column says; PostgreSQL has none."""
    if connection.vendor == "sqlite":
        for model in _models():
            yield from _cells_of(model)


def reference_differences() -> Iterator[Difference]:
    """Each row that names another one that is not there."""
    for model in _models():
        for field in model._meta.concrete_fields:
            if isinstance(field, ForeignKey):
                yield from _lost(model, field)


def _models() -> Iterator[type[Model]]:
    return apps.get_app_config("billing").get_models()


def _cells_of(model: type[Model]) -> Iterator[Difference]:
    fields = model._meta.concrete_fields
    wrong = [_wrong(field) for field in fields]
    marks = ", ".join(wrong)
    table, anywhere = _quoted(model._meta.db_table), " OR ".join(wrong)
    shown = ", ".join(f"quote({_quoted(str(field.column))})" for field in fields)
    statement = f"SELECT rowid, {marks}, {shown} FROM {table} WHERE {anywhere}"  # noqa: S608
    with connection.cursor() as cursor:
        for row_id, *cells in cursor.execute(statement).fetchall():
            told = zip(fields, cells[: len(fields)], cells[len(fields) :], strict=True)
            for field, is_wrong, text in told:
                if is_wrong:
                    detail = f"{field.column} cannot be {text[:SHOWN_CHARACTERS]}"
                    yield Difference("unreadable", _place(model, row_id), detail)


def _wrong(field: Field[Any, Any]) -> str:
    target: Any = field
    while isinstance(target, ForeignKey):
        target = target.target_field
    column = _quoted(str(field.column))
    condition = _MEANS_NOTHING.get(target.get_internal_type(), _WHOLE).format(c=column)
    # Of a column that may be empty nothing is no fault; elsewhere it is.
    return f"({column} IS NOT NULL AND ({condition}))" if field.null else f"({condition})"


def _lost(model: type[Model], field: ForeignKey[Any, Any]) -> Iterator[Difference]:
    target = field.target_field
    table, parent = _quoted(model._meta.db_table), _quoted(target.model._meta.db_table)
    key, column = _quoted(str(model._meta.pk.column)), _quoted(str(field.column))
    there = f"SELECT 1 FROM {parent} p WHERE p.{_quoted(str(target.column))} = t.{column}"  # noqa: S608
    statement = (
        f"SELECT t.{key} FROM {table} t "  # noqa: S608 - names of our own
        f"WHERE t.{column} IS NOT NULL AND NOT EXISTS ({there}) ORDER BY 1"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows: Sequence[tuple[Any]] = cursor.fetchall()
    for (row_id,) in rows:
        detail = f"{field.column} names a row of {target.model._meta.db_table} that is not there"
        yield Difference("reference", _place(model, row_id), detail)


def _place(model: type[Model], row_id: object) -> str:
    return f"{model._meta.model_name} {row_id}"


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
