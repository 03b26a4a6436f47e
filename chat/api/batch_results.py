"""The answers of a batch as a file: OpenAI's batch output, or a table."""

import csv
import io
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import msgspec

from billing.money import nano_to_usd
from billing.price_cells import written_cell
from chat.completions import ProgramError, whole_answer
from chat.crossing import cross
from chat.queries.batch_results import Result, results_after
from chat.turns.endings import done_event, ended_snapshot

COLUMNS = (
    "line",
    "custom_id",
    "state",
    "model",
    "prompt",
    "answer",
    "finish_reason",
    "prompt_tokens",
    "completion_tokens",
    "cost_usd",
    "quality",
    "ttft_ms",
    "total_ms",
    "tries",
    "error_code",
    "error",
)
CONTENT_TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


async def results_file(batch_id: UUID, form: str) -> AsyncIterator[bytes]:
    """Yield the file piece by piece, in the order of the lines; what has not ended is not in it.

    `form` is `jsonl` or `csv`. Raises django.db.Error.
    """
    yield head_of(form)
    after: int | None = 0
    while after is not None:
        piece, after = await cross(piece_of, batch_id, form, after)
        yield piece


def head_of(form: str) -> bytes:
    """Return what stands before the first line."""
    # The mark lets spreadsheets know that it is UTF-8.
    return b"\xef\xbb\xbf" + _row(COLUMNS) if form == "csv" else b""


def piece_of(batch_id: UUID, form: str, after: int) -> tuple[bytes, int | None]:
    """Return some lines of the file, those whose number is above `after`, and the last number;
    None with the last piece."""
    write: Callable[[Result], bytes] = _csv_row if form == "csv" else _json_line
    results = results_after(batch_id, after)
    return b"".join(write(each) for each in results), results[-1].number if results else None


def json_of(result: Result) -> dict[str, Any]:
    """Return a line of OpenAI's batch output, with the cost of all its tries in `tram`."""
    ended = result.ended
    response, error = None, None
    if result.answered and ended is not None and result.begun_at is not None:
        done, created = done_event(ended), int(result.begun_at.timestamp())
        answer = whole_answer(ended.turn_id, result.model, created, ended_snapshot(ended), done)
        response = {"status_code": 200, "request_id": str(ended.turn_id), "body": answer}
    else:
        error = {"code": result.error_code, "message": result.error_message}
        status = ProgramError(result.error_code, result.error_message).status
        if ended is not None:
            response = {"status_code": status, "request_id": str(ended.turn_id), "body": None}
    return {
        "id": f"batch_req_{result.number}",
        "custom_id": result.name,
        "response": response,
        "error": error,
        "tram": {
            "line": result.number,
            "tries": result.tries,
            "cost_nano_usd": result.cost_nano_usd,
            "ttft_ms": ended.ttft_ms if ended else None,
            "total_ms": ended.total_ms if ended else None,
        },
    }


def _json_line(result: Result) -> bytes:
    return msgspec.json.encode(json_of(result)) + b"\n"


def _csv_row(result: Result) -> bytes:
    ended = result.ended
    return _row(
        (
            result.number,
            result.name,
            "answered" if result.answered else "failed",
            result.model,
            _prompt_of(result.body),
            ended.content if ended else "",
            ended.finish_reason if ended else "",
            ended.prompt_tokens if ended else "",
            ended.completion_tokens if ended else "",
            format(nano_to_usd(result.cost_nano_usd), "f"),
            ended.quality if ended else "",
            ended.ttft_ms if ended else "",
            ended.total_ms if ended else "",
            result.tries,
            result.error_code,
            result.error_message,
        )
    )


def _row(cells: tuple[Any, ...]) -> bytes:
    line = io.StringIO()
    # A text that begins like a formula would be run by a spreadsheet.
    safe = [written_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    csv.writer(line).writerow(safe)
    return line.getvalue().encode()


def _prompt_of(body: str) -> str:
    """What was asked last; of a line that cannot be read, the line."""
    try:
        message = msgspec.json.decode(body)["messages"][-1]["content"]
    except (msgspec.DecodeError, UnicodeError, RecursionError, LookupError, TypeError):
        return body
    return message if isinstance(message, str) else msgspec.json.encode(message).decode()
