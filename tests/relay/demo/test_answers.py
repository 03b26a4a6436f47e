"""What the demo relay answers: worth reading, in the reader's language, counted rightly."""

import json
from pathlib import Path

import pytest

from chat.relay import demo
from chat.relay.demo import DemoRelay
from chat.relay.demo.order import read_order
from chat.relay.demo.pieces import cut
from chat.relay.demo.repertoire import answer_to, kind_of, language_of, rest_after
from tests.relay.demo.client import body, chunks, finish_reasons, http, payloads, said, sse, usages

ANSWERS = Path(demo.__file__).parent / "answers"
SCRIPTED = {
    "en": ("script", "canned", "prepared", "written by a person"),
    "vi": ("kịch bản", "soạn sẵn", "viết sẵn"),
    "zh": ("脚本", "写好", "预先", "现成", "不是模型生成"),
}


@pytest.mark.parametrize("path", sorted(ANSWERS.glob("*.md")), ids=lambda path: path.stem)
def test_every_answer_says_that_it_is_scripted(path: Path) -> None:
    text = path.read_text(encoding="utf-8").lower()
    assert any(words in text for words in SCRIPTED[path.stem[:2]])


@pytest.mark.parametrize("path", sorted(ANSWERS.glob("*.md")), ids=lambda path: path.stem)
def test_pieces_joined_are_the_text(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "".join(cut(text)) == text


@pytest.mark.parametrize("text", ["", "  x\t\n\n y", "a\u0301_½ 12345 👩🏽‍🔬\ud800", "電車abc123"])
def test_pieces_lose_no_character_of_odd_texts(text: str) -> None:
    assert "".join(cut(text)) == text
    assert len(cut(text)) <= len(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hello there", "en"),
        ("Un café déjà payé, crème brûlée", "en"),
        ("Xin chào, bạn khỏe không?", "vi"),
        ("Xin cha\u0300o, ba\u0323n khoe\u0309 kho\u0302ng?", "vi"),
        ("你好，请介绍一下", "zh"),
        ("こんにちは、電車です", "en"),
    ],
)
def test_the_language_is_told_from_the_letters(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Show me a table", "table"),
        ("Cho tôi một bảng so sánh", "table"),
        ("写一段代码", "code"),
        ("some Python please", "code"),
        ("Viết công thức", "math"),
        ("a long essay", "long"),
        ("请简短回答", "short"),
        ("anything", "hello"),
        ("notable", "hello"),
    ],
)
def test_the_kind_is_told_from_the_words(text: str, kind: str) -> None:
    assert kind_of(text, "hello") == kind


def test_answers_hold_what_a_page_must_show() -> None:
    code = answer_to("code", "hello", "m")
    assert all(f"```{name}\n" in code for name in ("python", "sql", "bash"))
    assert "\n|:--" in answer_to("table", "hello", "m")
    maths = answer_to("math", "hello", "m")
    assert "\n$$\n" in maths
    assert "$a$" in maths
    assert "**m**" in answer_to("hello", "hello", "m")
    assert 1_300 <= len(cut(answer_to("a long one", "hello", "m"))) <= 1_700


async def test_a_streamed_answer_is_the_written_text(relay: DemoRelay) -> None:
    for prompt in ("a table", "một bảng", "一个表格", "long", "viết dài", "长篇", "code", "math"):
        received = await sse(relay, body(prompt))
        assert said(chunks(received)) == answer_to(prompt, "hello", "gpt-4.1")
        assert payloads(received)[-1] == "[DONE]"


async def test_usage_counts_the_pieces_that_were_sent(relay: DemoRelay) -> None:
    found = chunks(await sse(relay, body("Tell me of trams", model="deepseek-v3.2")))
    content, reasoning = said(found), said(found, "reasoning_content")
    usage = usages(found)[0]
    assert usage["prompt_tokens"] == len(cut("Tell me of trams"))
    assert usage["completion_tokens"] == len(cut(content)) + len(cut(reasoning))
    assert usage["completion_tokens_details"]["reasoning_tokens"] == len(cut(reasoning)) > 0
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert relay.log.last().tokens_generated == usage["completion_tokens"]
    assert relay.log.last().state == "completed"
    assert finish_reasons(found) == ["stop"]


async def test_only_some_models_reason(relay: DemoRelay) -> None:
    assert said(chunks(await sse(relay, body())), "reasoning_content") == ""
    found = chunks(await sse(relay, body(model="claude-sonnet-4.5")))
    assert said(found, "reasoning_content") != ""


async def test_usage_is_sent_only_when_asked_for(relay: DemoRelay) -> None:
    assert usages(chunks(await sse(relay, body(stream_options=None)))) == []
    assert len(usages(chunks(await sse(relay, body())))) == 1


async def test_max_tokens_cuts_the_answer(relay: DemoRelay) -> None:
    found = chunks(await sse(relay, body("hello", max_tokens=7)))
    assert finish_reasons(found) == ["length"]
    assert usages(found)[0]["completion_tokens"] == 7
    assert said(found) == "".join(cut(answer_to("hello", "hello", "gpt-4.1"))[:7])


async def test_an_answer_without_streaming_is_one_body(relay: DemoRelay) -> None:
    async with http() as client:
        request = body("short", model="claude-haiku-3.5", stream=False)
        answer = await client.post(relay.base_url + "/chat/completions", json=request)
    message = answer.json()["choices"][0]["message"]
    assert message["content"] == answer_to("short", "short", "claude-haiku-3.5")
    assert answer.json()["usage"]["completion_tokens"] == len(cut(message["content"]))


async def test_a_begun_answer_is_continued(relay: DemoRelay) -> None:
    whole = answer_to("table", "hello", "gpt-4.1")
    messages = [
        {"role": "user", "content": "table"},
        {"role": "assistant", "content": whole[:100]},
    ]
    found = chunks(await sse(relay, body(messages=messages)))
    assert whole[:100] + said(found) == whole


def test_a_prefix_that_is_not_the_answers_is_ignored() -> None:
    assert rest_after("one two", "one") == " two"
    assert rest_after("one two", "two") == "one two"
    assert rest_after("one two", "") == "one two"


def test_an_answer_that_is_to_be_continued_goes_on_where_it_stops() -> None:
    whole = answer_to("Write something short", "hello", "gpt-4.1")
    assert rest_after(whole, whole[:10]) == whole[10:]
    asked = [
        {"role": "user", "content": "Write something short"},
        {"role": "assistant", "content": whole[:10]},
        {"role": "user", "content": "Continue your last message exactly where it stops."},
    ]
    order = read_order(json.dumps({"model": "gpt-4.1", "messages": asked}))
    assert (order.prompt, order.prefix) == ("Write something short", whole[:10])
    order = read_order(json.dumps({"model": "gpt-4.1", "messages": asked[:1] + asked[2:]}))
    assert (order.prompt, order.prefix) == (asked[2]["content"], "")
