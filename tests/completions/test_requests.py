"""What a program's request may say, and what it is told where it may not."""

import json
from typing import Any

import pytest

from chat.completions import ProgramError, read_request
from chat.completions.bounds import MOST_VALUES, check_values

HELLO: dict[str, Any] = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hi"}]}


def request(**fields: Any) -> bytes:
    return json.dumps(HELLO | fields).encode()


def refused(body: bytes) -> ProgramError:
    with pytest.raises(ProgramError) as caught:
        read_request(body)
    return caught.value


def test_common_parameters_go_to_the_relay_as_they_are() -> None:
    given = {
        "temperature": 0.5,
        "stop": ["END"],
        "seed": 7,
        "logprobs": True,
        "top_logprobs": 2,
        "response_format": {"type": "json_object"},
        "tools": [{"type": "function", "function": {"name": "weather"}}],
        "tool_choice": "auto",
    }

    asked = read_request(request(**given, n=1, stream=True, max_completion_tokens=9))

    assert asked.options == given
    assert (asked.stream, asked.max_tokens) == (True, 9)


def test_a_parameter_that_is_null_counts_as_left_out() -> None:
    assert read_request(request(temperature=None, tools=None)).options == {}


def test_a_parameter_that_nobody_knows_is_refused_by_name() -> None:
    error = refused(request(bogus=1))
    assert (error.status, error.param) == (400, "bogus")
    assert "bogus" in error.message


def test_a_parameter_that_is_not_offered_is_refused_with_the_reason() -> None:
    error = refused(request(audio={"voice": "alloy"}))
    assert (error.code, error.param) == ("unsupported_value", "audio")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "function"}, {"type": "web_search"}]}, "$.tools[1].type"),
        ({"tools": [{"type": ["function"]}]}, "$.tools[0].type"),
        ({"service_tier": "priority"}, "service_tier"),
    ],
)
def test_what_a_relay_bills_beside_its_tokens_is_refused(fields: Any, param: str) -> None:
    error = refused(request(**fields))
    assert (error.code, error.param) == ("unsupported_value", param)


def test_more_than_one_answer_is_refused() -> None:
    assert refused(request(n=2)).param == "n"


@pytest.mark.parametrize(
    ("messages", "path"),
    [
        ([], "$.messages"),
        ([{"role": "user", "content": 3}], "$.messages[0].content"),
        ([{"role": "user"}], "$.messages[0].content"),
        ([{"role": "nobody", "content": ""}], "$.messages[0].role"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:x"}}]}],
            "$.messages[0].content[0].image_url.url",
        ),
    ],
)
def test_a_wrong_message_is_named_by_its_path(messages: list[Any], path: str) -> None:
    error = refused(request(messages=messages))
    assert (error.status, error.param) == (400, path)


@pytest.mark.parametrize("body", [b"", b"[", b"\xff", b'"text"', b"[" * 100_000])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    assert refused(body).status == 400


def test_pictures_and_calls_of_tools_keep_their_shape_and_their_text_is_counted() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]},
        {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None},
        {"role": "tool", "content": "Rain", "tool_call_id": "1"},
    ]

    shown, called, result = read_request(request(messages=messages)).prompt

    assert (shown.content, shown.images) == ("What is this?", 1)
    assert json.loads(shown.wire) == messages[0]
    assert json.loads(called.wire) == {"role": "assistant", "content": None, "tool_calls": [call]}
    assert called.content.split("\n") == ["weather{}", "1"]
    assert json.loads(result.wire) == messages[2]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "SECRET"},
        {"reasoning_content": "SECRET"},
        {"tool_call_id": "SECRET"},
        {"function_call": {"name": "f", "arguments": {"deep": ["SECRET"]}}},
        {"tool_calls": [{"id": "SECRET"}]},
        {"tool_calls": [{"type": "custom", "custom": {"input": "SECRET"}}]},
        {"tool_calls": [{"function": {"name": "f", "arguments": {"as": "SECRET"}}}]},
        {"tool_calls": [{"function": {"name": "f", "parameters": "SECRET"}}]},
        {"tool_calls": [{"function": "SECRET"}]},
    ],
)
def test_whatever_of_a_message_a_model_may_be_shown_is_counted(fields: Any) -> None:
    messages = [{"role": "assistant", "content": "Hi", **fields}]
    assert "SECRET" in read_request(request(messages=messages)).prompt[0].content


def test_a_fault_is_told_in_few_words_however_long_it_is() -> None:
    error = refused(request(**{"z" * 1_000_000: 1}))
    assert (error.status, len(json.dumps(error.body())) < 2_000) == (400, True)


@pytest.mark.parametrize("values", ["{}", "[]", "1", '""', '{"a":[]}'])
def test_a_body_of_countless_values_is_refused_unread(values: str) -> None:
    calls = ",".join([values] * (MOST_VALUES + 1))
    with pytest.raises(ProgramError) as caught:
        check_values(request(tools=[{"a": "TOOLS"}]).replace(b'"TOOLS"', f"[{calls}]".encode()))
    assert caught.value.status == 413


def test_texts_may_be_long_and_messages_many() -> None:
    check_values(request(messages=[{"role": "user", "content": '{[,"\\",' * 500_000}]))
    parts = [{"type": "text", "text": 'a "word" \\', "cache_control": None}]
    check_values(request(messages=[{"role": "user", "content": parts}] * 10_000))
