"""Cells of the price book: written so that no spreadsheet runs them, and read back as they were."""

import re

BLANK = r"[\s\x00-\x20\x7f-\xa0\u200b-\u200f\u2060\ufeff]"
"""What does not show, and may be passed over before a formula."""
STARTS = rf"{BLANK}*[=+\-@\t\r\n＝＋－＠]"
WITHIN = rf"([;\t\r\n](?:{BLANK}|\")*)"
"""Where a spreadsheet that parts cells by semicolons, tabs or lines would see another begin.
A quote before it is doubled by CSV, and so an empty text before what is taken for a formula."""
_START = re.compile(rf" *'|{STARTS}")
_WRITE = re.compile(rf"{WITHIN}(?='*[=+\-@＝＋－＠])")
_READ = re.compile(rf"{WITHIN}'(?='*[=+\-@＝＋－＠])")


def written_cell(text: str) -> str:
    """The text, with an apostrophe before all that could be taken for a formula, or was by us."""
    text = _WRITE.sub(r"\1'", text)
    return f"'{text}" if _START.match(text) else text


def read_cell(cell: str) -> str:
    """What `written_cell` was given."""
    return _READ.sub(r"\1", cell.removeprefix("'"))
