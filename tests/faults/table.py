"""The table of faults (docs/faults.md) as data: one row a fault, with its three columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Text = Literal["whole", "begun", "none"]
Charge = Literal["relay", "report", "counted", "hold", "nothing"]

PROMPT = "What is a tram?"
IDLE_SECONDS = 12.0
"""Longest silence within an answer: longer than the 10 s after which a person is told of it."""
FIRST_BYTE_SECONDS = 2.0
MAX_ANSWER_BYTES = 131_072


class Row(msgspec.Struct, frozen=True):
    """What must be true when the relay misbehaves like this.

    The person: `state` and `code` of the end, the `notices` before it, the time until it.
    The stored message: all that the relay generated is its text; `whole` also says that the relay
    finished, `begun` that it did not, `none` that there is nothing.
    The ledger: charged as the relay's own log says (`relay`), as the relay reported (`report`), by
    our count of what was sent and received (`counted`) or the whole hold that it exceeds (`hold`),
    or `nothing`; `requests` is how often the relay was asked. `above_hold`: the relay's bill is;
    None: it is if the relay wrote so much before it saw us go.
    """

    number: int
    fault: str
    state: str = "completed"
    code: str = ""
    notices: tuple[str, ...] = ()
    after_seconds: float = 0.0
    within_seconds: float = 10.0
    text: Text = "whole"
    charge: Charge = "relay"
    requests: int = 1
    anomaly: str = ""
    overrun: bool = False
    above_hold: bool | None = False
    max_tokens: int = 2048
    on_websocket: Mapping[str, Any] = {}

    @property
    def model(self) -> str:
        """The model by which the demo relay is asked to misbehave."""
        return f"fault-{self.fault}"

    def over(self, transport: str) -> Row:
        """The row as it reads on a transport."""
        if transport != "websocket" or not self.on_websocket:
            return self
        return msgspec.structs.replace(self, on_websocket={}, **self.on_websocket)


def _cut(number: int, fault: str, code: str, **more: Any) -> Row:
    """The answer broke off: the text so far stays, and is charged by our count."""
    return Row(number, fault, "failed", code, text="begun", charge="counted", **more)


def _refused(number: int, fault: str, code: str, **more: Any) -> Row:
    """There was no answer: nothing is stored, nothing is charged."""
    return Row(number, fault, "failed", code, text="none", charge="nothing", **more)


def _unbegun(number: int, fault: str) -> Row:
    """The relay took the question each time and never said a word: the last try's prompt counts."""
    return msgspec.structs.replace(
        _refused(number, fault, "relay_timeout"),
        charge="counted",
        notices=("retrying",),
        requests=3,
        after_seconds=3 * FIRST_BYTE_SECONDS,
        within_seconds=3 * FIRST_BYTE_SECONDS + 10,
    )


TABLE = (
    Row(1, "none"),
    _cut(2, "reset", "relay_stream_broken"),
    _cut(
        3,
        "hang",
        "relay_timeout",
        notices=("waiting",),
        after_seconds=IDLE_SECONDS - 0.5,
        within_seconds=IDLE_SECONDS + 8,
    ),
    _unbegun(3, "no-head"),
    Row(4, "malformed-once"),
    _cut(5, "malformed-often", "relay_protocol"),
    Row(6, "split-utf8"),
    Row(6, "trickle"),
    Row(7, "crlf"),
    Row(7, "crlf-apart"),
    Row(7, "cr-only"),
    Row(7, "mixed-lines"),
    Row(8, "separators"),
    Row(9, "no-done"),
    _cut(10, "truncated", "relay_truncated"),
    Row(11, "held-open", within_seconds=3.0),
    Row(12, "usage-same"),
    Row(12, "usage-growing"),
    Row(12, "usage-shrinking", anomaly="usage_shrank"),
    Row(12, "usage-negative", charge="counted"),
    Row(12, "usage-huge", charge="report", overrun=True),
    Row(13, "no-usage", charge="counted"),
    Row(14, "busy-once", notices=("retrying",), after_seconds=2.0, requests=2),
    _refused(15, "busy-hour", "relay_rate_limited", within_seconds=15.0),
    _refused(
        15, "busy", "relay_rate_limited", notices=("retrying",), within_seconds=15.0, requests=3
    ),
    _refused(16, "unauthorized", "relay_auth"),
    _refused(16, "forbidden", "relay_auth"),
    Row(17, "error-500-once", notices=("retrying",), requests=2),
    Row(17, "error-502-once", notices=("retrying",), requests=2),
    Row(17, "error-503-once", notices=("retrying",), requests=2),
    _refused(18, "error-500", "relay_unavailable", notices=("retrying",), requests=3),
    _cut(19, "error-event", "relay_error"),
    _cut(20, "dropped", "relay_stream_broken"),
    _refused(21, "html", "relay_protocol"),
    _cut(22, "long-line", "relay_protocol"),
    _cut(22, "endless", "relay_protocol", max_tokens=60_000, above_hold=None),
    Row(
        47,
        "ignores-limit",
        "budget_stopped",
        text="begun",
        charge="hold",
        above_hold=True,
        max_tokens=16,
    ),
)
