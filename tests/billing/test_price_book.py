"""The price book goes out as CSV and comes back, all of it or nothing."""

import csv
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Team, User
from billing import price_book
from billing.errors import PriceBookRefused
from billing.models import PriceVersion
from billing.money import usd_to_nano
from billing.price_book import COLUMNS, import_book, plan_import, write_book
from billing.price_cells import read_cell, written_cell
from billing.prices import NewPrice, price_of, set_price
from tests.billing.conftest import MODEL, give, hold_for, set_prices

HEADER = "model,input_usd,output_usd"


def book(*lines: str, header: str = HEADER) -> bytes:
    return "\n".join((header, *lines)).encode()


def refusal(data: bytes) -> tuple[tuple[int, str], ...]:
    with pytest.raises(PriceBookRefused) as refused:
        import_book(data)
    assert not PriceVersion.objects.exclude(model=MODEL).exists()
    return refused.value.faults


def test_what_was_exported_is_imported_elsewhere_to_the_last_digit(db: None) -> None:
    figures = [usd_to_nano(usd) for usd in ("0.000000001", "10000", "0", "60", "61", "2", "0.04")]
    set_price("=cmd|' /C calc'!A0", NewPrice(*figures))
    set_prices(MODEL, "8", "60")
    text = "".join(write_book())
    rows = list(csv.DictReader(StringIO(text)))
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["model"] == "'=cmd|' /C calc'!A0"
    assert (rows[0]["input_usd"], rows[0]["output_usd"]) == ("0.000000001", "10000")
    before = list(PriceVersion.objects.values_list(*_columns()))
    assert import_book(text.encode()).added == ()
    PriceVersion.objects.all().delete()
    assert len(import_book(text.encode()).added) == 2
    assert list(PriceVersion.objects.values_list(*_columns())) == before


def _columns() -> list[str]:
    own = {"id", "created_at", "created_by", "from_default"}
    return [field.name for field in PriceVersion._meta.fields if field.name not in own]


@given(st.text())
def test_a_cell_is_read_as_it_was_written_and_is_no_formula(text: str) -> None:
    cell = written_cell(text)
    assert read_cell(cell) == text
    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＠"))


def test_lines_that_say_nothing_new_add_no_version(db: None, alice: User) -> None:
    set_prices(MODEL, "8")
    data = book("gpt-4.1,8.00,8,", "new,1,2,2199-01-01", header=f"{HEADER},starts_at")
    assert [line.model for line in plan_import(data).added] == ["new"]
    assert PriceVersion.objects.count() == 1
    assert import_book(data, alice.pk).unchanged == 1
    assert PriceVersion.objects.get(model="new").created_by == alice
    assert import_book(data).added == ()
    changed = import_book(book("gpt-4.1,8,8.01"))
    assert (len(changed.added), changed.unchanged) == (1, 0)
    assert price_of(MODEL).output_nano_usd_per_million == usd_to_nano("8.01")


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfmodel,input_usd,output_usd\r\ngpt-4.1,0.42,0.42\r\n\r\n",
        b"Output_USD;input_usd ;model\n0.42;0.42;gpt-4.1",
        b'model,input_usd,output_usd\r\n"gpt-4.1"," 0.42 ","0.42"\r\n,,\r\n',
    ],
)
def test_files_of_spreadsheets_are_read(db: None, data: bytes) -> None:
    assert len(import_book(data).added) == 1
    assert price_of(MODEL).input_nano_usd_per_million == 420_000_000


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("bad,0.0000000001,1,", "nine decimal places"),
        ("bad,-1,1,", "not negative"),
        ("bad,=1+1,1,", "not an amount"),
        ("bad,,1,", "input_usd is empty"),
        ('bad,"1,5",1,', "not an amount"),
        ("bad,1,10000.01,", "at most USD 10,000.00"),
        (" bad,1,1,", "1 to 200 characters"),
        (",1,1,", "1 to 200 characters"),
        ("bad,1,1,tomorrow", "not a date"),
        ("bad,1,1", "3 cells"),
        ("good,2,2,", "another price with this start in line 2"),
        ('bad,"1,1,', "not CSV"),
    ],
)
def test_one_wrong_line_is_named_and_nothing_is_imported(db: None, line: str, reason: str) -> None:
    faults = refusal(book("good,1,1,", "", line, header=f"{HEADER},starts_at"))
    assert [number for number, _ in faults] == [4]
    assert reason in faults[0][1]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "'model' is missing"),
        (b"model,input_usd\n", "'output_usd' is missing"),
        (b"model,input_usd,output_usd,prise\n", "'prise' is unknown"),
        (b"model,model,input_usd,output_usd\n", "'model' is twice"),
        (b"model,input_usd,output_usd\ngood,1,1\nb\xe9d,1,1\n", "not UTF-8"),
        (b"x" * (1024 * 1024 + 1), "more than"),
    ],
)
def test_a_file_that_is_no_price_book_is_refused(db: None, data: bytes, reason: str) -> None:
    assert reason in refusal(data)[0][1]


def test_a_price_does_not_start_before_a_turn_that_is_priced(
    team: Team, alice: User, priced: str
) -> None:
    give(team, "1")
    hold_for(team, alice)
    faults = refusal(book("good,1,1,", "gpt-4.1,1,1,2020-01-01", header=f"{HEADER},starts_at"))
    assert faults[0][0] == 3
    assert "priced already" in faults[0][1]


def test_the_commands_write_preview_and_import(db: None, tmp_path: Path) -> None:
    set_prices(MODEL, "8")
    file, out = tmp_path / "prices.csv", StringIO()
    call_command("exportprices", str(file), stdout=out)
    file.write_text(file.read_text() + "new,1,2,,,,,,2199-01-01\n")
    call_command("importprices", str(file), "--dry-run", stdout=out)
    assert PriceVersion.objects.count() == 1
    call_command("importprices", str(file), stdout=out)
    call_command("exportprices", stdout=out)
    said = out.getvalue().splitlines()
    assert said[0].endswith("prices.csv: 1 prices.")
    assert said[1] == "new: USD 1.00 in, USD 2.00 out, from 2199-01-01 00:00 UTC."
    assert said[2] == "1 would be added, 1 unchanged."
    assert said[4] == "1 added, 1 unchanged."
    assert said[-1] == "new,1,2,,,,,,2199-01-01T00:00:00Z"
    file.write_text("model\n")
    with pytest.raises(CommandError, match=r"Line 1: .* Nothing is imported"):
        call_command("importprices", str(file))
    with pytest.raises(CommandError, match="No such file"):
        call_command("importprices", str(tmp_path / "none"))


def test_a_heading_of_a_hundred_thousand_columns_is_refused_at_once(db: None) -> None:
    began = time.process_time()
    assert "The column 'model' is missing" in refusal(b"a," * 100_000)[0][1]
    assert time.process_time() - began < 2


def test_a_model_s_name_with_nul_is_refused_by_its_line(db: None) -> None:
    assert refusal(book("gpt\0,1,1"))[0][0] == 2


def test_a_wrong_line_is_named_in_the_reader_s_language(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_book, "_", {"%(column)s is empty.": "%(column)s: trống."}.get)
    assert refusal(book("gpt,,1")) == ((2, "input_usd: trống."),)


def test_a_file_without_an_end_is_refused_and_not_read_to_it(db: None) -> None:
    endless = Path("/dev/zero")
    if not endless.exists():
        pytest.skip("this system has no endless file")
    with pytest.raises(CommandError, match="more than 1,048,576 bytes"):
        call_command("importprices", str(endless))
