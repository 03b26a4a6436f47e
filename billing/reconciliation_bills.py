"""Reading a relay's bill: CSV or JSON lines, checked line by line before anything is done with it.

Columns, in any order, with the other names under which they are known; others are passed over:

    model               required
    time                required: ISO 8601 with a zone (none: UTC), or `seen_wall_ns`
    prompt_tokens       required, or `input_tokens`
    completion_tokens   required, or `output_tokens`, `tokens_generated`
    cached_tokens       or `cached_input_tokens`
    cost_usd            a decimal; or `cost_nano_usd`, a whole number
    request_id          or `id`
    state               a row that is `refused` costs nothing and is passed over
"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.dateparse import parse_datetime

from billing.errors import AmountInvalid, BillRefused
from billing.money import NANO_USD_PER_USD, usd_to_nano
from billing.reconciliation_matching import Billed

MAX_BILL_BYTES = 32 * 1024 * 1024
MAX_BILL_ROWS = 500_000
MAX_TOKENS_OF_A_ROW = 10**9
MAX_COST_OF_A_ROW_NANO_USD = 10_000 * NANO_USD_PER_USD
"""A dearer request is a slip, or a sum among the rows."""
MAX_LINES_NAMED = 20
FIRST_MOMENT = datetime(2020, 1, 1, tzinfo=UTC)
FORMULA_STARTS = ("=", "+", "@", "\t", "\r")
ANSWER_PREFIX = "chatcmpl-"
"""Some bills name the answer, others the request: its id is the same without this."""
NAMES = {
    "model": ("model",),
    "time": ("time", "created_at", "seen_wall_ns"),
    "prompt_tokens": ("prompt_tokens", "input_tokens"),
    "completion_tokens": ("completion_tokens", "output_tokens", "tokens_generated"),
    "cached_tokens": ("cached_tokens", "cached_input_tokens"),
    "cost": ("cost_usd", "cost_nano_usd"),
    "request_id": ("request_id", "id"),
    "state": ("state",),
}
REQUIRED = ("model", "time", "prompt_tokens", "completion_tokens")


@dataclass(frozen=True)
class Bill:
    """A bill that was read. `quantum_nano_usd` is its last digit, `sha256` that of its bytes."""

    rows: tuple[Billed, ...]
    sha256: str
    name: str = ""
    quantum_nano_usd: int = 1


@dataclass
class _Reading:
    """What is known while the lines are read."""

    models: Collection[str] | None
    latest: datetime
    rows: list[Billed] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    digits: int = 0


def read_bill(content: bytes, *, name: str = "", models: Collection[str] | None = None) -> Bill:
    """Read all rows, or raise BillRefused with the lines that make no sense (the first 20).

    `models` are the names that may occur. JSON lines begin with `{`; one object with a list
    `requests`, as the demo relay's log is, will do as well.
    """
    if len(content) > MAX_BILL_BYTES:
        raise BillRefused([f"A bill has at most {MAX_BILL_BYTES // 2**20} MiB."])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BillRefused([f"Byte {error.start} is not UTF-8."]) from error
    reading = _Reading(models, datetime.now(UTC) + timedelta(days=1))
    lines = _json_lines(text) if text.lstrip().startswith("{") else _csv_lines(text)
    usd = True
    for line, cells in lines:
        if len(reading.rows) >= MAX_BILL_ROWS:
            raise BillRefused([f"A bill has at most {MAX_BILL_ROWS} rows."])
        usd = usd and "cost_nano_usd" not in cells
        try:
            _take(reading, line, cells)
        except (ValueError, AmountInvalid) as error:
            reading.wrong.append(f"Line {line}: {error}")
            if len(reading.wrong) == MAX_LINES_NAMED:
                break
    if reading.wrong:
        raise BillRefused(reading.wrong)
    quantum = 10 ** max(0, 9 - reading.digits) if usd and reading.digits else 1
    return Bill(tuple(reading.rows), hashlib.sha256(content).hexdigest(), name, quantum)


def _csv_lines(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        _check_columns(header)
        for cells in reader:
            if len(cells) == len(header):
                yield reader.line_num, dict(zip(header, cells, strict=True))
            elif cells:
                wrong = f"Line {reader.line_num}: {len(cells)} cells, should be {len(header)}."
                raise BillRefused([wrong])
    except csv.Error as error:
        raise BillRefused([f"Line {reader.line_num}: {error}."]) from error


def _json_lines(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    whole = _json(text)
    if isinstance(whole, dict) and isinstance(whole.get("requests"), list):
        rows = whole["requests"]
    else:
        rows = (_json(each) if each.strip() else {} for each in text.split("\n"))
    for line, row in enumerate(rows, start=1):
        if row == {}:
            continue
        if not isinstance(row, dict):
            raise BillRefused([f"Line {line}: is not a JSON object."])
        _check_columns(list(row), where=f"Line {line}: ")
        yield line, row


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return None


def _check_columns(header: list[str], where: str = "") -> None:
    if twice := sorted(name for name, count in Counter(header).items() if count > 1):
        raise BillRefused([f"{where}The column {twice[0]} is there twice."])
    missing = [name for name in REQUIRED if not any(each in header for each in NAMES[name])]
    if missing:
        raise BillRefused([f"{where}There is no column {', '.join(missing)}."])


def _take(reading: _Reading, line: int, cells: Mapping[str, Any]) -> None:
    for name, cell in cells.items():
        if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
            raise ValueError(f"{name} begins like a formula.")
    if _cell(cells, "state") == "refused":
        return
    request_id = _text(cells, "request_id", required=False).removeprefix(ANSWER_PREFIX)
    if request_id and request_id in reading.ids:
        raise ValueError(f"The request {request_id} is on line {reading.ids[request_id]} already.")
    model = _text(cells, "model")
    if reading.models is not None and model not in reading.models:
        raise ValueError(f"Nobody knows the model {model!r} here.")
    row = Billed(
        line,
        model,
        _moment(cells, reading.latest),
        _count(cells, "prompt_tokens") or 0,
        _count(cells, "completion_tokens") or 0,
        _count(cells, "cached_tokens", required=False),
        _cost(cells, reading),
        request_id,
    )
    if (row.cached_tokens or 0) > row.prompt_tokens:
        raise ValueError("More tokens were cached than went in.")
    if request_id:
        reading.ids[request_id] = line
    reading.rows.append(row)


def _cell(cells: Mapping[str, Any], name: str) -> Any:
    cell = next((cells[each] for each in NAMES[name] if each in cells), None)
    return cell.strip(" ") if isinstance(cell, str) else cell


def _text(cells: Mapping[str, Any], name: str, *, required: bool = True) -> str:
    text = _cell(cells, name)
    if text is None or text == "":
        if required:
            raise ValueError(f"{name} is empty.")
        return ""
    if not isinstance(text, str) or len(text) > 200 or not text.isprintable():
        raise ValueError(f"{name} is not a text of up to 200 characters.")
    return text


def _count(cells: Mapping[str, Any], name: str, *, required: bool = True) -> int | None:
    cell = _cell(cells, name)
    if cell in (None, "") and not required:
        return None
    if isinstance(cell, str) and cell.isascii() and cell.isdigit() and len(cell) <= 10:
        cell = int(cell)
    if type(cell) is not int or not 0 <= cell <= MAX_TOKENS_OF_A_ROW:
        raise ValueError(f"{name} is not a whole number from 0 to {MAX_TOKENS_OF_A_ROW:,}.")
    return cell


def _cost(cells: Mapping[str, Any], reading: _Reading) -> int | None:
    cell = _cell(cells, "cost")
    if cell in (None, ""):
        return None
    if isinstance(cell, bool) or not isinstance(cell, int | str | Decimal):
        raise ValueError("The cost is not a number.")
    if "cost_usd" in cells:
        cost = usd_to_nano(str(cell) if isinstance(cell, int) else cell)
        # Exact, or it would have been refused; at most nine.
        decimals = Decimal(str(cell)).as_tuple().exponent
        reading.digits = max(reading.digits, -decimals if isinstance(decimals, int) else 0)
    else:
        cost = _whole(cell)
    if not 0 <= cost <= MAX_COST_OF_A_ROW_NANO_USD:
        raise ValueError("A request costs from USD 0 to USD 10,000.")
    return cost


def _whole(cell: int | str | Decimal) -> int:
    # Looked at before it is an int: "1E+999999999" would be one of a thousand million digits.
    with suppress(InvalidOperation):
        if (amount := Decimal(cell)).is_finite() and amount.adjusted() < 30:
            return int(amount.to_integral_value())
    raise ValueError("The cost is not a number.")


def _moment(cells: Mapping[str, Any], latest: datetime) -> datetime:
    cell = _cell(cells, "time")
    moment = None
    if type(cell) is int or (isinstance(cell, str) and cell.isdigit()):
        if "seen_wall_ns" in cells and len(str(cell)) < 20:
            moment = datetime.fromtimestamp(int(cell) // 1000 / 10**6, UTC)
    elif isinstance(cell, str):
        moment = parse_datetime(cell)
    if moment is None:
        raise ValueError("The time is not one such as 2026-11-01T08:15:00Z.")
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if not FIRST_MOMENT <= moment <= latest:
        raise ValueError(f"The time {moment:%Y-%m-%d} is not one of this bill.")
    return moment
