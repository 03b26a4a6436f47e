"""A statement as a file: CSV, and a workbook of Excel. The same rows; amounts exact, in USD.

A workbook keeps numbers of up to 15 digits, which is every amount below USD 1,000,000 to the last
nano-USD.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from tablib import Dataset  # type: ignore[import-untyped]

from billing.admin.exports import SafeCSV, neutralised
from billing.exchange import Conversion
from billing.figures import Figures
from billing.money import nano_to_usd
from billing.statements import Statement

COLUMNS = (
    "part",
    "name",
    "turns",
    "failures",
    "tokens_in",
    "tokens_cached",
    "tokens_out",
    "tokens_of_reasoning",
    "usd",
    "corrected_usd",
    "official_usd",
    "saving_usd",
    "id",
)
SHEETS = (
    (
        "Statement",
        ("team", "zone", "only", "opening", "given", "taken_back", "spend", "closing", "held"),
    ),
    ("People", ("person",)),
    ("Models", ("model",)),
    ("Relays", ("route",)),
    ("Conversations", ("conversation",)),
    ("Days", ("day",)),
)
NOT_WRITTEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that a workbook cannot have."""
AMOUNT_FORMAT = "#,##0.00#######"

Row = list[Any]


def csv_of(statement: Statement, conversion: Conversion | None) -> bytes:
    """The whole statement as one table; `part` says of what a row is."""
    dataset = Dataset(headers=_header(conversion))
    for row in _rows(statement, conversion):
        dataset.append([format(cell, "f") if isinstance(cell, Decimal) else cell for cell in row])
    # So that Excel takes it for UTF-8.
    text: str = SafeCSV().export_data(dataset)
    return ("\ufeff" + text).encode()


def workbook_of(statement: Statement, conversion: Conversion | None) -> bytes:
    """The same rows, a sheet for each table."""
    book = Workbook(write_only=True)
    rows = list(_rows(statement, conversion))
    for title, parts in SHEETS:
        sheet = book.create_sheet(title)
        sheet.freeze_panes = "C2"
        sheet.column_dimensions["B"].width = 36
        sheet.append([_cell(sheet, name, bold=True) for name in _header(conversion)])
        for row in rows:
            if row[0] in parts:
                sheet.append([_cell(sheet, value) for value in row])
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _header(conversion: Conversion | None) -> list[str]:
    return [*COLUMNS, *([conversion.currency.lower()] if conversion else [])]


def _rows(shown: Statement, conversion: Conversion | None) -> Iterator[Row]:
    def amount(part: str, name: str, nano_usd: int) -> Row:
        figures = [None] * 6
        row = [part, name, *figures, nano_to_usd(nano_usd), None, None, None, None]
        return [*row, *([conversion.of(nano_usd)] if conversion else [])]

    def used(part: str, name: str, figures: Figures) -> Row:
        row = amount(part, name, figures.cost_nano_usd)
        row[2:8] = (
            *(figures.turns, figures.failures, figures.tokens_in, figures.tokens_cached),
            *(figures.tokens_out, figures.tokens_of_reasoning),
        )
        official = (figures.official_nano_usd, figures.saving_nano_usd)
        row[9:12] = [nano_to_usd(each) for each in (figures.corrected_nano_usd, *official)]
        return row

    blank = [None] * (len(_header(conversion)) - 2)
    yield ["team", shown.team.name, *blank]
    yield ["zone", shown.zone, *blank]
    for name, value in shown.only.narrows.items():
        if value not in (None, ""):
            yield ["only", f"{name}: {value}", *blank]
    spend = used("spend", "", shown.figures)
    if shown.is_whole:
        yield amount("opening", shown.first.isoformat(), shown.opening_nano_usd)
        for each in shown.bookings:
            part = "given" if each.amount_nano_usd >= 0 else "taken_back"
            words = (f"{each.moment:%Y-%m-%d %H:%M:%S} UTC", each.note, each.person)
            yield amount(part, " ".join(word for word in words if word), each.amount_nano_usd)
        yield spend
        yield amount("closing", shown.last.isoformat(), shown.closing_nano_usd)
        yield amount("held", "", shown.held_nano_usd)
    else:
        yield spend
    parts = (
        ("person", shown.people),
        ("model", shown.models),
        ("route", shown.routes),
        ("conversation", shown.conversations),
        ("day", shown.days),
    )
    for part, lines in parts:
        for line in lines:
            row = used(part, line.name, line.figures)
            if part == "conversation" and line.key is not None:
                # Titles are not unique, and not everybody reads them.
                row[COLUMNS.index("id")] = str(line.key)
            yield row


def _cell(sheet: Any, value: Any, *, bold: bool = False) -> Any:
    if isinstance(value, str):
        value = neutralised(NOT_WRITTEN.sub("", value))
    cell = WriteOnlyCell(sheet, value)
    if isinstance(value, str):
        # A text that begins with = would be taken for a formula.
        cell.data_type = "s"
    elif isinstance(value, Decimal):
        cell.number_format = AMOUNT_FORMAT
    if bold:
        cell.font = Font(bold=True)
    return cell
