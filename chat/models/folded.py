"""A column that follows another one, folded for search."""

from typing import Any

from django.db import models

from chat.search import fold


class FoldedField(models.TextField):  # type: ignore[type-arg]
    """Holds `fold` of the field named `of`, renewed whenever the row is saved.

    A queryset's `update` does not pass here: it must set both columns.
    """

    def __init__(self, *, of: str, **options: Any) -> None:
        self.of = of
        super().__init__(**{"blank": True, "editable": False, **options})

    def deconstruct(self) -> Any:
        """Return what a migration writes to make this field again."""
        name, path, arguments, options = super().deconstruct()
        return name, path, arguments, {**options, "of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:  # noqa: ARG002
        """Return the folded text of the row that is about to be written."""
        folded = fold(getattr(model_instance, self.of))
        setattr(model_instance, self.attname, folded)
        return folded
