"""What the demo relay writes down about each request: the independent truth about a turn.

Monotonic times are `time.monotonic_ns()`, which all processes of one Linux machine share.
"""

import asyncio
import time
from collections import deque
from pathlib import Path
from typing import Any, Literal

import msgspec

Via = Literal["sse", "websocket", "json"]
Departure = Literal["fin", "rst", "websocket_close"]
State = Literal["open", "completed", "left", "broken", "refused"]


class RequestRecord(msgspec.Struct):
    """One chat request, from the moment it was read.

    `state`: `completed` the finish reason was sent; `left` the client went away before that;
    `broken` the script broke the answer off; `refused` an error status was given.
    `tokens_generated` grows while pieces are sent and stops when the relay sees the close.
    `closed_*` say when and how the relay saw the client close the connection.
    """

    request_id: str
    via: Via
    model: str
    script: str
    prompt_tokens: int
    max_tokens: int | None
    price_nano_usd_per_million: int | None
    client_request_id: str | None = None
    tokens_generated: int = 0
    reasoning_tokens: int = 0
    usage_reported: bool = False
    status: int = 200
    state: State = "open"
    seen_wall_ns: int = msgspec.field(default_factory=time.time_ns)
    seen_monotonic_ns: int = msgspec.field(default_factory=time.monotonic_ns)
    first_token_monotonic_ns: int | None = None
    ended_monotonic_ns: int | None = None
    closed_by: Departure | None = None
    closed_monotonic_ns: int | None = None

    @property
    def cost_nano_usd(self) -> int | None:
        """The price of prompt and generated tokens, rounded up once; None without a price."""
        if self.price_nano_usd_per_million is None:
            return None
        if self.state == "refused":
            return 0
        tokens = self.prompt_tokens + self.tokens_generated
        return -(-tokens * self.price_nano_usd_per_million // 1_000_000)

    def as_dict(self) -> dict[str, Any]:
        """Give all fields and the cost, ready for JSON."""
        return msgspec.structs.asdict(self) | {"cost_nano_usd": self.cost_nano_usd}


class RequestLog:
    """The last `limit` records in memory, and each finished one as a line of a file if given."""

    def __init__(self, path: Path | None = None, limit: int = 100_000) -> None:
        self._path = path
        self._records: deque[RequestRecord] = deque(maxlen=limit)
        self._open: dict[str, RequestRecord] = {}
        self.tokens_used = 0
        self.quiet = asyncio.Event()
        self.quiet.set()

    def begin(self, record: RequestRecord) -> None:
        """Note a request that has just been read."""
        self._records.append(record)
        self._open[record.request_id] = record
        self.quiet.clear()

    def finish(self, record: RequestRecord) -> None:
        """Note that nothing more will happen to this request."""
        record.ended_monotonic_ns = time.monotonic_ns()
        self._open.pop(record.request_id, None)
        if not self._open:
            self.quiet.set()
        if record.state != "refused":
            self.tokens_used += record.prompt_tokens + record.tokens_generated
        if self._path is not None:
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(record.as_dict()) + b"\n")

    @property
    def records(self) -> tuple[RequestRecord, ...]:
        """All records that are kept, oldest first."""
        return tuple(self._records)

    @property
    def open_records(self) -> tuple[RequestRecord, ...]:
        """Requests whose stream is still open, oldest first."""
        return tuple(self._open.values())

    def last(self) -> RequestRecord:
        """Give the newest record; raises IndexError when there was no request yet."""
        return self._records[-1]
