"""OpenAI's own package for Python, with what else it knows than texts."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pydantic
import pytest

from tests.clients.conftest import Site
from tests.clients.results import MODEL, question

CALL = "[fault: tool-call] What is the weather in Huế?"
ARGUMENTS = {"city": "Huế", "days": 3}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"


@pytest.fixture
def client(site: Site) -> Iterator[Any]:
    """The client, without types: what is asked is made of plain values."""
    with openai.OpenAI(base_url=site.base_url, api_key=site.key, max_retries=0) as made:
        yield made


def test_models_are_listed_and_one_is_found(client: Any) -> None:
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


def test_a_tool_is_called_whole_and_in_pieces(client: Any) -> None:
    asked = {**question(CALL), "tools": TOOLS, "tool_choice": "auto"}
    whole = client.chat.completions.create(**asked).choices[0]
    with client.chat.completions.stream(**asked) as stream:
        streamed = stream.get_final_completion().choices[0]
    for choice in (whole, streamed):
        assert choice.finish_reason == "tool_calls"
        call = choice.message.tool_calls[0]
        assert call.function.name == "weather"
        assert json.loads(call.function.arguments) == ARGUMENTS


def test_a_tools_result_goes_back_with_the_answer_as_it_came(client: Any) -> None:
    first = question(CALL)["messages"]
    asked = client.chat.completions.create(model=MODEL, messages=first, tools=TOOLS)
    called = asked.choices[0].message
    result = {"role": "tool", "tool_call_id": called.tool_calls[0].id, "content": "31 degrees"}
    more = [*first, called, result, *question("Say something short")["messages"]]
    answer = client.chat.completions.create(model=MODEL, messages=more, tools=TOOLS)
    assert answer.choices[0].message.content


def test_a_structured_answer_is_read_into_its_type(client: Any, site: Site) -> None:
    class City(pydantic.BaseModel):
        city: str

    text = {"act": "text", "text": '{"city": "Huế"}'}
    site.let_relay(text, {"act": "say"}, {"act": "finish"}, {"act": "done"}, {"act": "end"})
    answer = client.chat.completions.parse(**question("Where?"), response_format=City)
    assert answer.choices[0].message.parsed == City(city="Huế")


def test_probabilities_come_through_whole_and_in_pieces(client: Any, site: Site) -> None:
    token = {"token": "Hi", "logprob": -0.25, "bytes": [72, 105], "top_logprobs": []}
    chunk = {
        "choices": [
            {"index": 0, "delta": {"content": "Hi"}, "logprobs": {"content": [token]}},
        ]
    }
    event = {"act": "event", "text": json.dumps(chunk)}
    site.let_relay(
        event, {"act": "finish", "reason": "stop"}, {"act": "done"}, {"act": "end"}, times=2
    )
    asked = {**question("Hello"), "logprobs": True, "top_logprobs": 0}
    whole = client.chat.completions.create(**asked).choices[0]
    assert whole.logprobs.content[0].logprob == -0.25
    chunks = [c.choices[0] for c in client.chat.completions.create(**asked, stream=True)]
    found = [c.logprobs.content[0].token for c in chunks if c.logprobs and c.logprobs.content]
    assert found == ["Hi"]


def test_a_picture_is_taken(client: Any) -> None:
    parts = [
        {"type": "text", "text": "Say something short"},
        {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
    ]
    answer = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": parts}]
    )
    assert answer.choices[0].message.content


def test_usage_comes_in_the_last_chunk_where_it_is_asked_for(client: Any) -> None:
    asked = {**question(), "stream": True, "stream_options": {"include_usage": True}}
    chunks = list(client.chat.completions.create(**asked))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens > 0
    assert {chunk.usage for chunk in chunks[:-1]} == {None}


def test_an_unknown_parameter_is_a_bad_request_that_names_it(client: Any) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**question(), extra_body={"colour": "red"})
    assert refused.value.param == "colour"


@pytest.mark.parametrize("status", [429, 503])
def test_what_passes_is_tried_again_by_the_client_itself(site: Site, status: int) -> None:
    body = {"error": {"message": "Come again", "type": "rate_limit_error"}}
    refusal = {"act": "status", "status": status, "body": body, "headers": {"Retry-After": "0"}}
    site.let_relay(refusal)
    patient = openai.OpenAI(base_url=site.base_url, api_key=site.key, max_retries=2)
    with patient as client:
        made: Any = client.chat.completions.create
        raw: Any = client.chat.completions.with_raw_response.create
        answer = raw(**question())
        assert answer.retries_taken == 1
        assert answer.parse().choices[0].message.content
        site.let_relay(refusal)
        with pytest.raises((openai.RateLimitError, openai.InternalServerError)):
            client.with_options(max_retries=0).chat.completions.create(**question())
        assert made(**question()).choices
