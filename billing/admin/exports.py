"""CSV files that a spreadsheet opens without running anything."""

import re
from typing import Any

from import_export import fields, resources
from import_export.formats.base_formats import CSV
from tablib import Dataset  # type: ignore[import-untyped]

from billing.models import Account, Budget, ExchangeRate, Settlement, Transfer
from billing.money import nano_to_usd
from billing.price_cells import STARTS, WITHIN

BEGINS = re.compile(STARTS)
CELL_WITHIN = re.compile(rf"{WITHIN}(?=[=+\-@＝＋－＠])")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


def neutralised(cell: Any) -> Any:
    """The cell, with an apostrophe before all that a spreadsheet would take for a formula."""
    if not isinstance(cell, str) or NUMBER.fullmatch(cell):
        return cell
    cell = CELL_WITHIN.sub(r"\1'", cell)
    return f"'{cell}" if BEGINS.match(cell) else cell


class SafeCSV(CSV):  # type: ignore[misc]
    """CSV whose text cells are never formulas."""

    def export_data(self, dataset: Dataset, **kwargs: Any) -> Any:
        """The bytes of the file."""
        safe = Dataset(headers=dataset.headers)
        for row in dataset:
            safe.append([neutralised(cell) for cell in row])
        return super().export_data(safe, **kwargs)


class Usd(fields.Field):  # type: ignore[misc]
    """An amount in USD, exact, as a plain decimal."""

    def export(self, instance: Any, **_kwargs: Any) -> str:
        """The decimal string; empty where there is no amount."""
        nano_usd = getattr(instance, self.attribute)
        return "" if nano_usd is None else format(nano_to_usd(nano_usd), "f")


def _text(attribute: str, column: str) -> fields.Field:
    return fields.Field(attribute=attribute, column_name=column)


class UsageResource(resources.ModelResource):  # type: ignore[misc]
    """Settlements."""

    team = _text("team__name", "team")
    person = _text("person__username", "person")
    cost_usd = Usd("cost_nano_usd", "cost_usd")
    relay_cost_usd = Usd("relay_cost_nano_usd", "relay_cost_usd")
    official_cost_usd = Usd("official_cost_nano_usd", "official_cost_usd")

    class Meta:
        """Columns in order."""

        model = Settlement
        fields = export_order = (
            "subject",
            "day",
            "created_at",
            "team",
            "person",
            "model",
            "prompt_tokens",
            "completion_tokens",
            "cached_tokens",
            "reasoning_tokens",
            "images",
            "cost_usd",
            "relay_cost_usd",
            "official_cost_usd",
            "quality",
            "outcome",
            "overrun",
            "route",
            "conversation_id",
        )


class TransferResource(resources.ModelResource):  # type: ignore[misc]
    """Transfers."""

    team = _text("team__name", "team")
    person = _text("person__username", "person")
    debit = _text("debit__kind", "from")
    credit = _text("credit__kind", "to")
    amount_usd = Usd("amount_nano_usd", "amount_usd")

    class Meta:
        """Columns in order."""

        model = Transfer
        fields = export_order = (
            "id",
            "created_at",
            "kind",
            "team",
            "debit",
            "credit",
            "amount_usd",
            "pending",
            "subject",
            "person",
            "overrun",
            "note",
        )


class AccountResource(resources.ModelResource):  # type: ignore[misc]
    """Accounts."""

    team = _text("team__name", "team")

    class Meta:
        """All columns."""

        model = Account


class BudgetResource(resources.ModelResource):  # type: ignore[misc]
    """Budgets."""

    team = _text("team__name", "team")
    person = _text("person__username", "person")

    class Meta:
        """All columns but the internal ones."""

        model = Budget
        exclude = ("rank", "period_start")


class RateResource(resources.ModelResource):  # type: ignore[misc]
    """Exchange rates."""

    created_by = _text("created_by__username", "set_by")

    class Meta:
        """All columns."""

        model = ExchangeRate
