"""The price book as CSV: written, read, compared with what is there, and imported all or not."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from billing.errors import BillingError, PriceBookRefused
from billing.models import PriceVersion
from billing.money import nano_to_usd, usd_to_nano
from billing.price_cells import read_cell, written_cell
from billing.prices import NewPrice, check_price, figures_of, set_price

AMOUNTS = {
    "input_usd": "input_nano_usd_per_million",
    "output_usd": "output_nano_usd_per_million",
    "cached_input_usd": "cached_input_nano_usd_per_million",
    "reasoning_usd": "reasoning_nano_usd_per_million",
    "image_usd": "image_nano_usd",
    "official_input_usd": "official_input_nano_usd_per_million",
    "official_output_usd": "official_output_nano_usd_per_million",
}
COLUMNS = ("model", *AMOUNTS, "starts_at")
REQUIRED = ("model", "input_usd", "output_usd")
MAX_BYTES = 1024 * 1024
MAX_LINES = 10_000
MAX_FAULTS = 20
"""So many wrong lines are named; the others wait for the next try."""


@dataclass(frozen=True)
class BookLine:
    """A price of the file, by the number of its line; without a start it begins now."""

    number: int
    model: str
    price: NewPrice
    starts_at: datetime | None


@dataclass(frozen=True)
class Plan:
    """What an import adds, and how many lines say what is there already."""

    added: tuple[BookLine, ...]
    unchanged: int


def write_book(versions: QuerySet[PriceVersion] | None = None) -> Iterator[str]:
    """The lines of a file of these versions, or of all, by model and start."""
    chosen = PriceVersion.objects.all() if versions is None else versions
    yield _csv_line(COLUMNS)
    for version in chosen.order_by("model", "starts_at", "id").iterator():
        start = version.starts_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        amounts = (_usd(getattr(version, name)) for name in AMOUNTS.values())
        yield _csv_line((written_cell(version.model), *amounts, start))


def import_book(data: bytes, person_id: int | None = None) -> Plan:
    """Add every line that says something new, or, if a line is wrong, none. PriceBookRefused."""
    with transaction.atomic():
        plan = plan_import(data)
        for line in plan.added:
            set_price(line.model, line.price, line.starts_at, person_id)
    return plan


def plan_import(data: bytes) -> Plan:
    """What `import_book` would do. PriceBookRefused with the number and reason of wrong lines."""
    lines, faults = [], []
    for number, cells in _rows(data):
        try:
            lines.append(_line(number, cells))
        except BillingError as error:
            faults.append((number, error.told()))
    added = _new_ones(lines)
    faults += _refusals(added)
    if faults:
        raise PriceBookRefused(sorted(faults)[:MAX_FAULTS], len(faults))
    return Plan(tuple(added), len(lines) - len(added))


def _rows(data: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    if len(data) > MAX_BYTES:
        raise PriceBookRefused(
            [(1, _("The file has more than %(bytes)s bytes.") % {"bytes": f"{MAX_BYTES:,}"})]
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise PriceBookRefused([(line, _("This is not UTF-8. Save the file as such."))]) from None
    top = text.split("\n", 1)[0]
    # As spreadsheets write it where the comma is in numbers.
    delimiter = ";" if ";" in top and "," not in top else ","
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check_header(header)
        number = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield number, _named(number, header, cells)
            number = reader.line_num + 1
            if number > MAX_LINES:
                raise PriceBookRefused(
                    [(number, _("More than %(lines)s lines.") % {"lines": f"{MAX_LINES:,}"})]
                )
    except csv.Error as error:
        reason = _("This is not CSV: %(error)s.") % {"error": error}
        raise PriceBookRefused([(reader.line_num, reason)]) from None


def _check_header(header: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    twice = sorted(name for name, count in Counter(header).items() if count > 1)
    for names, reason in (
        (missing, _("The column %(name)s is missing. Columns: %(known)s.")),
        (unknown, _("The column %(name)s is unknown. Columns: %(known)s.")),
        (twice, _("The column %(name)s is twice. Columns: %(known)s.")),
    ):
        if names:
            said = reason % {"name": repr(names[0][:200]), "known": ", ".join(COLUMNS)}
            raise PriceBookRefused([(1, said)])


def _named(number: int, header: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) != len(header):
        reason = _("There are %(cells)s cells; the first line has %(columns)s.")
        reason %= {"cells": len(cells), "columns": len(header)}
        raise PriceBookRefused([(number, reason)])
    return dict(zip(header, cells, strict=True))


def _line(number: int, cells: dict[str, str]) -> BookLine:
    amounts = {}
    for column, name in AMOUNTS.items():
        text = cells.get(column, "").strip()
        if not text and column in REQUIRED:
            raise PriceBookRefused([], reason=_("%(column)s is empty.") % {"column": column})
        amounts[name] = usd_to_nano(read_cell(text)) if text else None
    start = read_cell(cells.get("starts_at", "").strip())
    price = NewPrice(**amounts)  # type: ignore[arg-type]
    return BookLine(number, read_cell(cells["model"]), price, _moment(start) if start else None)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        reason = _("%(text)s is not a date such as 2026-12-01.") % {"text": repr(text)}
        raise PriceBookRefused([], reason=reason) from None


def _new_ones(lines: Iterable[BookLine]) -> list[BookLine]:
    """The lines that no version says: at the same start, or in force where the line has none."""
    there, now = set(), {}
    moment = PriceVersion.objects.values_list(Now(), flat=True).first()
    for version in PriceVersion.objects.order_by("starts_at", "id").iterator():
        figures = tuple(figures_of(version).values())
        there.add((version.model, version.starts_at, figures))
        if moment and version.starts_at <= moment:
            now[version.model] = figures
    new = []
    for line in lines:
        figures = tuple(figures_of(line.price).values())
        if line.starts_at is None:
            known = now.get(line.model) == figures
        else:
            known = (line.model, line.starts_at, figures) in there
        if not known:
            new.append(line)
    return new


def _refusals(added: Iterable[BookLine]) -> Iterator[tuple[int, str]]:
    seen: dict[tuple[str, datetime | None], int] = {}
    for line in added:
        first = seen.setdefault((line.model, line.starts_at), line.number)
        if first != line.number:
            reason = _("%(model)s has another price with this start in line %(line)s.")
            yield line.number, reason % {"model": line.model, "line": first}
        try:
            check_price(line.model, line.price, line.starts_at)
        except BillingError as error:
            yield line.number, error.told()


def _csv_line(cells: Iterable[str]) -> str:
    line = StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _usd(nano_usd: int | None) -> str:
    if nano_usd is None:
        return ""
    return format(nano_to_usd(nano_usd).normalize() + Decimal(0), "f")
