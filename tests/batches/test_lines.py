"""What the lines of a batch may be, and what is said of those that cannot be asked."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat.completions import ProgramError, read_request
from chat.completions.batches import (
    BatchRequest,
    Defaults,
    check_defaults,
    read_lines,
    text_lines,
)

MODEL = "gpt-4.1"
HELLO = [{"role": "user", "content": "Hello"}]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def read(*lines: Any, defaults: Defaults | None = None, **options: Any) -> list[BatchRequest]:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    wished: dict[str, Any] = {"max_line_bytes": 10_000, "json": True} | options
    return list(read_lines(enumerate(texts, start=1), defaults or Defaults(MODEL), **wished))


def only(*lines: Any, **options: Any) -> BatchRequest:
    (line,) = read(*lines, **options)
    return line


def body_of(line: BatchRequest) -> Any:
    assert not line.error_code, line.error_message
    return json.loads(line.body)


def test_the_three_forms_ask_the_same() -> None:
    own = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions"}
    openai = own | {"body": {"model": MODEL, "messages": HELLO}}
    lines = read(openai, {"prompt": "Hello", "id": 7}, '"Hello"', {"messages": HELLO})
    assert [body_of(line) for line in lines] == 4 * [{"model": MODEL, "messages": HELLO}]
    assert [line.custom_id for line in lines] == ["a", "7", "", ""]


def test_a_line_says_otherwise_than_the_batch() -> None:
    defaults = Defaults(MODEL, "Be brief.", {"temperature": 0.5, "max_tokens": 9})
    mine = {"prompt": "Hello", "model": "other", "temperature": 0, "system": "Be long."}

    usual, own = read('"Hello"', mine, defaults=defaults)

    assert body_of(usual)["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (body_of(usual)["temperature"], body_of(usual)["max_tokens"]) == (0.5, 9)
    assert body_of(own)["messages"][0] == {"role": "system", "content": "Be long."}
    assert (body_of(own)["temperature"], body_of(own)["model"]) == (0, "other")


def test_an_instruction_of_its_own_messages_stays_alone() -> None:
    messages = [{"role": "developer", "content": "Be long."}, *HELLO]
    line = only({"messages": messages}, defaults=Defaults(MODEL, "Be brief."))
    assert body_of(line)["messages"] == messages


def test_a_bound_by_its_other_name_replaces_that_of_the_batch() -> None:
    defaults = Defaults(MODEL, options={"max_tokens": 9})
    line = only({"prompt": "Hello", "max_completion_tokens": 7}, defaults=defaults)
    assert read_request(line.body).max_tokens == 7


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{]", "It is not JSON"),
        ("[" * 5_000, "It is not JSON"),
        ("7", "neither an object nor a text"),
        ('""', "The prompt is empty"),
        ({"prompt": 7}, "$.prompt"),
        ({"text": "Hello"}, "neither `body` nor `prompt` nor `messages`"),
        ({"prompt": "Hello", "bogus": 1}, "`bogus`"),
        ({"prompt": "Hello", "temperature": 9}, "$.temperature"),
        ({"prompt": "Hello", "n": 2}, "`n` must be 1"),
        ({"body": {"messages": HELLO}, "temperature": 1}, "`temperature` belongs into `body`"),
        ({"body": {"messages": HELLO}, "url": "/v1/embeddings"}, "/v1/chat/completions"),
        ({"body": {"messages": HELLO}, "method": "GET"}, "by POST"),
        ({"body": {"messages": []}}, "$.messages"),
        ({"prompt": "x" * 10_000}, "bytes; at most 10000 are allowed"),
        ({"prompt": "Hello", "id": "n" * 201}, "$.id"),
        ({"prompt": "Hello", "id": 10**250}, "The name has at most 200 characters"),
        # PostgreSQL stores none of these.
        ({"prompt": "Hello", "id": "a\0"}, "no NUL"),
        ({"prompt": "Hello", "model": "a\0"}, "the model contains a NUL"),
        ({"prompt": "Hello", "bogu\0s": 1}, "`bogus`"),
    ],
)
def test_a_line_that_cannot_be_asked_says_why_and_the_others_are_read(line: Any, said: str) -> None:
    first, wrong, last = read('"One?"', line, '"Two?"')
    assert not first.error_code
    assert not last.error_code
    assert wrong.error_message.startswith("Line 2: ")
    assert said in wrong.error_message
    assert "\0" not in wrong.error_message + wrong.body
    assert len(wrong.body) <= 1_000


def test_without_any_model_a_line_fails() -> None:
    assert "names no model" in only('"Hello"', defaults=Defaults()).error_message


def test_a_name_that_was_given_before_is_refused() -> None:
    lines = read(*({"prompt": "Hello", "id": name} for name in ("a", "b", "a")))
    assert [bool(line.error_code) for line in lines] == [False, False, True]
    assert '"a" is the name of line 1 already' in lines[2].error_message


def test_lines_of_text_are_prompts_whatever_they_look_like() -> None:
    lines = read("Hello", '{"prompt": "x"}', json=False)
    asked = [body_of(line)["messages"][0]["content"] for line in lines]
    assert asked == ["Hello", '{"prompt": "x"}']


def test_lines_are_counted_as_an_editor_counts_them_and_a_mark_is_passed_over() -> None:
    content = b'\xef\xbb\xbf"One?"\r\n\r\n  \n"Two\xe2\x80\xa8?"\n'
    assert list(text_lines(content)) == [(1, '"One?"'), (4, '"Two\u2028?"')]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b'\xff\xfe"\x00', "UTF-16"), (b'"One?"\n"\xe9t\xe9"', "Line 2 is not UTF-8")],
)
def test_another_encoding_is_refused_by_name(content: bytes, said: str) -> None:
    with pytest.raises(ProgramError, match=said):
        list(text_lines(content))


def test_what_holds_for_all_lines_is_checked_once() -> None:
    check_defaults(Defaults("", "Be brief.", {"temperature": 1}))
    with pytest.raises(ProgramError) as caught:
        check_defaults(Defaults("", "", {"temperature": "hot"}))
    assert caught.value.param == "$.options.temperature"


@given(st.lists(ANYTHING.map(json.dumps) | st.text(), max_size=5), ANYTHING)
@example(['"\\ud800"', '{"prompt": "\\u0000"}', '{"messages": [[]]}', '{"body": null}'], None)
def test_whatever_stands_there_each_line_is_a_request_or_says_what_is_wrong(
    lines: list[str], value: Any
) -> None:
    odd = json.dumps({"prompt": value, "id": value, "body": value, "messages": value})
    texts = [*lines, odd, json.dumps({"prompt": "Hello", "stop": value})]
    content = "\n".join(texts).encode(errors="replace")

    found = list(read_lines(text_lines(content), Defaults(MODEL), max_line_bytes=10_000, json=True))

    for line in found:
        if line.error_code:
            assert line.error_message.startswith(f"Line {line.number}: ")
        else:
            asked = read_request(line.body)
            assert asked.prompt
            assert msgspec.json.decode(line.body)
