"""Hostile sizes and shapes on the wire stay within their bounds."""

from __future__ import annotations

from chat.relay.errors import RelayProtocol
from chat.relay.wire import EventParser
from tests.relay.conftest import text_of
from tests.relay.loopback import chunk
from tests.relay.reading import read

MAX_LINE_BYTES = 2000


def test_a_line_of_exactly_the_bound_passes_and_one_more_byte_does_not() -> None:
    line = b"data: " + b" " * 94 + b"{}"
    fits = line[: 100 - 2] + b"{}"
    for pieces in ([fits + b"\r\n"], [fits, b"\r\n"]):
        parser = EventParser(100)
        found = [payload for piece in pieces for payload in parser.feed(piece)]
        assert (len(fits), found + parser.close() != [], parser.failure) == (100, True, None)
    parser = EventParser(99)
    assert parser.feed(fits + b"\n\n") == []
    assert isinstance(parser.failure, RelayProtocol)


def test_ten_megabytes_without_a_newline_stay_within_the_bound() -> None:
    parser = EventParser(1024 * 1024)
    fed = 0
    while parser.failure is None:
        parser.feed(b"x" * 16384)
        fed += 16384
    assert fed <= 1024 * 1024 + 16384
    assert parser.feed(b"\n" + chunk("a")) == []


def test_many_data_lines_of_one_event_take_linear_time_and_are_bounded() -> None:
    events, code = read(*[b"data: [1,\n"] * 150_000, max_line_bytes=1024 * 1024)
    assert (events, code) == ([], "relay_protocol")


def test_deep_nesting_is_a_malformed_frame() -> None:
    deep = b"data: " + b"[" * 900 + b"]" * 900 + b"\n\n"
    deeper = b'data: {"x":' + b"[" * 90_000 + b"]" * 90_000 + b"}\n\n"
    events, code = read(deep, deeper, chunk("a", "stop"), max_line_bytes=1024 * 1024)
    assert (text_of(events), code) == ("a", "")
