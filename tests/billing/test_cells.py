"""Names that people choose are no formulas in a file, however a spreadsheet parts its cells."""

import csv
from io import BytesIO, StringIO
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
from openpyxl import Workbook
from tablib import Dataset  # type: ignore[import-untyped]

from billing.admin.exports import SafeCSV
from billing.price_cells import read_cell, written_cell
from billing.statement_files import _cell

FORMULA_STARTS = tuple("=+-@＝＋－＠")
NOT_SHOWN = " \t\r\n\x00\x0b\x1f\xa0\u200b\u200e\u2060\u3000\ufeff"
NAMES = [
    "=1+1",
    "＝1",
    "a;=1",
    # CSV doubles the quote: for who parts by semicolons an empty text, and then a formula.
    'a;"=1+1;',
    'a\t" "=1\t',
    'a;""@SUM(1);x',
    *(f"{blank}=1" for blank in NOT_SHOWN),
    *(f"a;{blank}=1" for blank in NOT_SHOWN),
]


def cells_read(text: str, delimiter: str) -> list[str]:
    rows = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    return [cell for row in rows for cell in row]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
def test_no_cell_of_a_file_begins_like_a_formula(name: str, delimiter: str) -> None:
    dataset = Dataset(headers=["part", "name", "usd"])
    dataset.append(["person", name, "1.5"])
    book = StringIO(newline="")
    csv.writer(book).writerow(["x", written_cell(name), "1.5"])
    for text in (SafeCSV().export_data(dataset), book.getvalue()):
        for cell in cells_read(text, delimiter):
            assert not cell.strip(NOT_SHOWN).startswith(FORMULA_STARTS), cell
    assert read_cell(written_cell(name)) == name


@pytest.mark.parametrize("odd", ["\x00", "\x1f", "\ud800", "\ufffe", "\uffff"], ids=ascii)
def test_no_name_makes_a_workbook_that_cannot_be_opened(odd: str) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("People")
    sheet.append([_cell(sheet, f"Tr{odd}am"), _cell(sheet, f"{odd}=1+1")])
    file = BytesIO()
    book.save(file)
    with ZipFile(file) as parts:
        root = ElementTree.fromstring(parts.read("xl/worksheets/sheet1.xml"))
    told = ElementTree.tostring(root, "unicode")
    assert "Tram" in told
    assert "'=1+1" in told
    assert not [each for each in root.iter() if each.tag.endswith("}f")]
