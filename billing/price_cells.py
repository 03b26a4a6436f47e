"""Cells of the price book: written so that no spreadsheet runs them, and read back as they were."""

import re

_STARTS = r"[=+\-@\t\r\n＝＋－＠]"
_WITHIN = r"(?!\A)([;\t\r\n]\s*)"
"""Where a spreadsheet that parts cells by semicolons, tabs or lines would see another begin."""
_START = re.compile(rf" *'|\s*{_STARTS}")
_WRITE = re.compile(rf"{_WITHIN}(?='*[=+\-@＝＋－＠])")
_READ = re.compile(rf"{_WITHIN}'(?='*[=+\-@＝＋－＠])")


def written_cell(text: str) -> str:
    """The text, with an apostrophe before all that could be taken for a formula, or was by us."""
    text = _WRITE.sub(r"\1'", text)
    return f"'{text}" if _START.match(text) else text


def read_cell(cell: str) -> str:
    """What `written_cell` was given."""
    return _READ.sub(r"\1", cell.removeprefix("'"))
