"""Bytes to payloads to events: whatever the relay writes, wherever the network cuts."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.relay.chunks import AnswerReader
from chat.relay.errors import RelayError
from chat.relay.types import Delta, Finish, UsageReport
from tests.relay.conftest import finishes_of, text_of, usages_of
from tests.relay.loopback import DONE, chunk, event
from tests.relay.reading import MAX_LINE_BYTES, read

AWKWARD = "a\u2028b\u2029c\u0085d 😀 chào 你好 \ufeff"

lines = st.one_of(
    st.text(min_size=1, max_size=30).map(chunk),
    st.just(chunk(AWKWARD)),
    st.just(b": ping\n\n"),
    st.just(b"event: message\nid: 5\n"),
    st.just(b"retry: 10\n"),
    st.just(b'data: {"choices": [{"delta":\ndata: {"content": "two\xc2\x85lines"}}]}\n\n'),
    st.just(b'data: {"choices": [{"delta": {"content": "vt\x0b ff\x0c raw"}}]}\n\n'),
    st.just(b'data: {"choices": [{"delta": {"content": "lone \\ud800 half"}}]}\n\n'),
    st.just(b'data: {"choices": [{"delta": {"content": "bad \xff utf"}}]}\n\n'),
    st.just(b"data: {broken\n\n"),
    st.just(b"data:\n\n"),
    st.just(b"data: ping\n\n"),
    st.just(b"stray words\n"),
    st.just(b"<html>\n"),
    st.just(event({"error": {"message": "no"}})),
    st.just(event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}})),
    st.just(chunk("", "stop")),
    st.just(DONE),
    st.just(b": " + b"x" * (MAX_LINE_BYTES + 50) + b"\n"),
    st.just(chunk("no blank line after this").rstrip() + b"\n"),
    st.sampled_from([b"\n", b"\r", b"\r\n", b"\xef\xbb\xbf"]),
)
wires = st.builds(
    lambda bom, parts, ending: (bom + b"".join(parts)).replace(b"\n", ending),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.lists(lines, max_size=12),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
)


@given(wire=wires, data=st.data())
def test_any_split_of_the_bytes_gives_the_same_events(wire: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(wire)), max_size=20).map(sorted))
    pieces = [wire[a:b] for a, b in pairwise([0, *cuts, len(wire)])]
    assert read(*pieces) == read(wire)


@given(wire=wires)
def test_single_bytes_give_the_same_events(wire: bytes) -> None:
    assert read(*(wire[i : i + 1] for i in range(len(wire)))) == read(wire)


@given(junk=st.lists(st.binary(max_size=40), max_size=10))
def test_junk_raises_nothing_but_relay_errors(junk: list[bytes]) -> None:
    events, _ = read(*junk)
    text_of(events).encode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["choices", "delta", "content", "usage", "error", "finish_reason", "index", "role",
             "reasoning_content", "tool_calls", "prompt_tokens", "completion_tokens", "message"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=15,
)  # fmt: skip


@given(objects=st.lists(json_values, max_size=6))
def test_any_json_raises_nothing_but_relay_errors(objects: list[Any]) -> None:
    reader = AnswerReader(1000, str)
    for found in objects:
        try:
            events = reader.take(json.dumps(found))
        except RelayError:
            return
        for given_event in events:
            assert isinstance(given_event, Delta | UsageReport | Finish)
            if isinstance(given_event, Delta):
                (given_event.content + given_event.reasoning).encode()


@given(texts=st.lists(st.text(max_size=40), max_size=10), ascii_only=st.booleans())
def test_text_passes_unchanged(texts: list[str], ascii_only: bool) -> None:
    frames = [
        b"data: "
        + json.dumps({"choices": [{"delta": {"content": text}}]}, ensure_ascii=ascii_only).encode()
        + b"\n\n"
        for text in texts
    ]
    events, code = read(*frames, chunk("", "stop"), DONE)
    assert (text_of(events), code) == ("".join(texts), "")


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_each_line_ending_is_read(ending: bytes) -> None:
    wire = (chunk(AWKWARD) + chunk("!", "stop") + DONE).replace(b"\n", ending)
    events, code = read(wire)
    assert (text_of(events), finishes_of(events), code) == (AWKWARD + "!", ["stop"], "")


def test_a_carriage_return_at_the_end_of_a_packet_belongs_to_the_next_line_feed() -> None:
    wire = (chunk("a") + chunk("b", "stop")).replace(b"\n", b"\r\n")
    at = wire.index(b"\r") + 1
    events, code = read(wire[:at], wire[at:])
    assert (text_of(events), code) == ("ab", "")


def test_separators_inside_json_do_not_cut_it() -> None:
    raw = 'data: {"choices":[{"delta":{"content":"a\u2028b\u2029c\u0085d\x0be\x0cf"}}]}\n\n'
    events, code = read(raw.encode(), chunk("", "stop"))
    assert (text_of(events), code) == ("a\u2028b\u2029c\u0085d\x0be\x0cf", "")


def test_a_missing_last_newline_loses_nothing() -> None:
    events, code = read((chunk("a") + chunk("b", "stop")).rstrip(b"\n"))
    assert (text_of(events), finishes_of(events), code) == ("ab", ["stop"], "")


def test_a_byte_order_mark_is_skipped_at_the_start_only() -> None:
    events, _ = read(b"\xef", b"\xbb", b"\xbf" + chunk("\ufeffa", "stop"))
    assert text_of(events) == "\ufeffa"


def test_events_without_a_blank_line_between_are_two() -> None:
    wire = chunk("a").rstrip() + b"\n" + chunk("b", "stop").rstrip() + b"\n" + DONE
    events, code = read(wire)
    assert (text_of(events), code) == ("ab", "")


def test_lone_surrogates_become_replacement_characters() -> None:
    events, _ = read(b'data: {"choices":[{"delta":{"content":"x\\ud800y"}}]}\n\n', DONE)
    assert text_of(events) == "x\ufffdy"


def test_a_web_page_is_no_answer() -> None:
    assert read(b"<!doctype html>\n<html></html>") == ([], "relay_protocol")


def test_words_that_are_no_event_stream_are_no_answer() -> None:
    assert read(b"upstream request timeout") == ([], "relay_protocol")


def test_a_bare_error_object_is_an_error() -> None:
    assert read(b'{"error": {"message": "no"}}\n') == ([], "relay_error")
    assert read(b'data: {"object": "error", "message": "no"}\n\n') == ([], "relay_error")


def test_an_error_of_null_is_none() -> None:
    events, code = read(chunk("a", error=None), chunk("", "stop"))
    assert (text_of(events), code) == ("a", "")


def test_nulls_and_unknown_fields_are_fine() -> None:
    frame = {"choices": [{"delta": {"content": None, "role": None, "x": [1]}, "logprobs": None}]}
    events, code = read(event(frame), chunk("a", usage=None, z={}), chunk("", "stop"))
    assert (events, code) == ([Delta("a"), Finish("stop")], "")


def test_one_odd_field_costs_only_that_field() -> None:
    frame = {"choices": [{"delta": {"content": "a", "role": 5}}], "usage": "none"}
    events, _ = read(event(frame), event({"choices": [{"delta": {"content": [
        {"type": "text", "text": "b"}]}}]}), DONE)  # fmt: skip
    assert text_of(events) == "ab"


def test_a_last_piece_of_content_with_the_finish_is_kept() -> None:
    events, _ = read(chunk("a", "stop", usage={"prompt_tokens": 1, "completion_tokens": 1}))
    assert [type(e) for e in events] == [Delta, UsageReport, Finish]


def test_a_zero_usage_is_not_believed() -> None:
    zero = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    events, _ = read(chunk("a", usage=zero), chunk("", "stop"), DONE)
    assert usages_of(events) == []


def test_usage_details_are_read() -> None:
    usage = {
        "prompt_tokens": 9,
        "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 99},
    }
    events, _ = read(chunk("a", "stop", usage=usage | {"completion_tokens": 5.0}), DONE)
    found = usages_of(events)[0].usage
    assert (found.completion_tokens, found.cached_tokens, found.reasoning_tokens) == (5, 4, 5)


def test_usage_beyond_all_reason_is_ignored() -> None:
    events, _ = read(chunk("a", "stop", usage={"prompt_tokens": 10**30, "completion_tokens": 1}))
    assert usages_of(events) == []
