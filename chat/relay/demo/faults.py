"""Every way in which the demo relay misbehaves on request, by name.

A request asks for one by the model ``fault-<name>`` (or ``fault-<name>-at-<n>``: after n tokens),
by the header ``X-Tram-Script``, or by the body field ``x_tram_script``. The rows are those of the
project's table of faults.
"""

import msgspec

from chat.relay.demo import acts as do
from chat.relay.demo.acts import AnyAct, Script
from chat.relay.demo.refusals import error_body

FAULT_PREFIX = "fault-"
_MALFORMED = '{"id": "chatcmpl-broken", "choices": [{"delta": {"content": "lost'
_HTML = (
    "<!doctype html><html><head><title>Welcome</title></head><body><h1>Welcome to the gateway</h1>"
    "<p>Please sign in to continue.</p></body></html>"
)
_GLYPHS = "Ga Trạm dừng: Đà Nẵng → Huế, 电车站 🚋, naïve café, ﷽, 👩🏽‍🔬, e\u0301.\n"
_SEPARATORS = "one\u2028two\u2029three\u0085four\u000bfive\u000csix \x1c seven\n"
_LONG_BYTES = 10 * 1024 * 1024

_HEAD = (do.Say(8),)
_TAIL = (do.Say(), do.Finish(), do.Report(), do.Done(), do.End())


class Fault(msgspec.Struct, frozen=True):
    """A row of the table of faults, the script that acts it, and what it does in words."""

    row: int | None
    script: Script
    summary: str


def _fault(
    row: int | None, name: str, summary: str, *acts: AnyAct, attempts: int | None = None
) -> Fault:
    return Fault(row, Script(name, acts, attempts), summary)


def _refusal(status: int, message: str, kind: str, retry_after: str | None = None) -> do.Status:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    close_code = 1013 if status in (429, 503) else 1008 if status in (401, 403) else 1011
    return do.Status(status, error_body(message, kind), headers, close_code)


def _busy(seconds: int) -> do.Status:
    message = f"Rate limit exceeded. Retry after {seconds} seconds"
    return _refusal(429, message, "rate_limit_error", str(seconds))


def _server_error(status: int) -> do.Status:
    return _refusal(status, "The server had an error", "server_error")


def _usage_twice(name: str, summary: str, *reports: do.Report) -> Fault:
    return _fault(12, name, summary, do.Say(), do.Finish(), *reports, do.Done(), do.End())


_ALL = (
    _fault(1, "none", "A good answer.", *_TAIL),
    _fault(2, "reset", "RST after 8 tokens.", *_HEAD, do.Reset()),
    _fault(3, "hang", "Silence after 8 tokens.", *_HEAD, do.Hang()),
    _fault(3, "silent", "Silence instead of the first token.", do.Hang()),
    _fault(3, "no-head", "Silence instead of the answer's head.", do.Hang(before_head=True)),
    _fault(4, "malformed-once", "One malformed event.", *_HEAD, do.Event(_MALFORMED), *_TAIL),
    _fault(
        5, "malformed-often", "Malformed for ever.", *_HEAD, *[do.Event(_MALFORMED)] * 8, *_TAIL
    ),
    _fault(6, "split-utf8", "Packets of 3 bytes.", do.Text(_GLYPHS), do.Trickle(3), *_TAIL),
    _fault(6, "trickle", "Packets of one byte.", do.Text(_GLYPHS), do.Trickle(1), *_TAIL),
    _fault(7, "crlf", "Lines end in CR LF.", do.Lines("crlf"), *_TAIL),
    _fault(7, "crlf-apart", "CR ends a packet, LF follows.", do.Lines("crlf_apart"), *_TAIL),
    _fault(7, "cr-only", "Lines end in CR.", do.Lines("cr"), *_TAIL),
    _fault(7, "mixed-lines", "Lines end in LF, CR LF, CR by turns.", do.Lines("mixed"), *_TAIL),
    _fault(8, "separators", "U+2028 and its kin in the content.", do.Text(_SEPARATORS), *_TAIL),
    _fault(9, "no-done", "No [DONE], clean close.", do.Say(), do.Finish(), do.Report(), do.Close()),
    _fault(10, "truncated", "Clean close after 8 tokens, no finish reason.", *_HEAD, do.Close()),
    _fault(
        11, "held-open", "Held open after usage.", do.Say(), do.Finish(), do.Report(), do.Hang()
    ),
    _usage_twice("usage-same", "Usage twice, the same.", do.Report(), do.Report()),
    _usage_twice("usage-growing", "Usage twice, growing.", do.Report(0.5), do.Report()),
    _usage_twice("usage-shrinking", "Usage twice, shrinking.", do.Report(), do.Report(0.5)),
    _usage_twice("usage-negative", "Negative usage.", do.Report(tokens=-5)),
    _usage_twice("usage-huge", "Usage far above the limit.", do.Report(times_max_tokens=10)),
    _fault(13, "no-usage", "Never any usage.", do.Say(), do.Finish(), do.Done(), do.End()),
    _fault(14, "busy-once", "429 with Retry-After 2, once.", _busy(2), attempts=1),
    _fault(15, "busy", "429 for ever.", _busy(2)),
    _fault(15, "busy-hour", "429 with Retry-After 3600.", _busy(3600)),
    _fault(
        16,
        "unauthorized",
        "401, bad key.",
        _refusal(401, "Invalid API key provided", "invalid_request_error"),
    ),
    _fault(16, "forbidden", "403.", _refusal(403, "Forbidden", "invalid_request_error")),
    _fault(17, "error-500-once", "500 once.", _server_error(500), attempts=1),
    _fault(17, "error-502-once", "502 once.", _server_error(502), attempts=1),
    _fault(17, "error-503-once", "503 once.", _server_error(503), attempts=1),
    _fault(18, "error-500", "500 for ever.", _server_error(500)),
    _fault(
        19,
        "error-event",
        "An error event after 8 tokens.",
        *_HEAD,
        do.Event('{"error": {"message": "upstream overloaded", "type": "server_error"}}'),
        do.Close(1011),
    ),
    _fault(20, "dropped", "Connection dropped after 8 tokens (1006).", *_HEAD, do.Drop()),
    _fault(21, "html", "An HTML page with status 200.", do.Status(200, _HTML)),
    _fault(22, "long-line", "One line of 10 MiB.", *_HEAD, do.LongLine(_LONG_BYTES), *_TAIL),
    _fault(22, "endless", "An answer without end.", do.Flood()),
    _fault(
        None,
        "inflate",
        "A fifth more tokens reported than used.",
        do.Say(),
        do.Finish(),
        do.Report(1.2, 1.2),
        do.Done(),
        do.End(),
    ),
    _fault(None, "swap", "Names another model.", do.Name("gpt-3.5-turbo"), *_TAIL),
    _fault(
        None,
        "tool-call",
        "Calls a tool for the weather.",
        do.Call("weather", '{"city": "Hu\u1ebf", "days": 3}'),
        do.Finish("tool_calls"),
        do.Report(),
        do.Done(),
        do.End(),
    ),
    _fault(47, "ignores-limit", "max_tokens ignored.", do.Say(ignores_max_tokens=True), *_TAIL[1:]),
)
FAULTS = {fault.script.name: fault for fault in _ALL}


def script_named(name: str) -> Script | None:
    """Find a fault's script: ``reset``, ``fault-reset`` or ``fault-reset-at-20``."""
    name = name.removeprefix(FAULT_PREFIX)
    if name in FAULTS:
        return FAULTS[name].script
    stem, separator, number = name.rpartition("-at-")
    if separator and number.isdecimal() and stem in FAULTS:
        return FAULTS[stem].script.at(int(number))
    return None
