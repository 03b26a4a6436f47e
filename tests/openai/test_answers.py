"""What programs get over HTTP: answers streamed and whole, and what stands in their heads."""

from uuid import UUID

from tests.openai.program import MODEL, Program


def test_an_answer_is_streamed_as_openai_streams_it(program: Program) -> None:
    streamed = program.stream()
    answer = streamed.answer
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert streamed.is_whole
    assert streamed.text
    assert {chunk["object"] for chunk in streamed.chunks} == {"chat.completion.chunk"}
    assert {chunk["model"] for chunk in streamed.chunks} == {MODEL}
    assert len({chunk["id"] for chunk in streamed.chunks}) == 1
    assert streamed.chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert streamed.chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert not [chunk for chunk in streamed.chunks if chunk.get("usage")]


def test_a_stream_tells_its_usage_where_that_is_asked_for(program: Program) -> None:
    streamed = program.stream(stream_options={"include_usage": True})
    last = streamed.chunks[-1]
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] > 0
    assert [chunk["usage"] for chunk in streamed.chunks[:-1]] == [None] * (len(streamed.chunks) - 1)


def test_a_whole_answer_comes_with_its_usage_and_its_cost(program: Program) -> None:
    answer = program.ask()
    assert answer.status_code == 200
    whole = answer.json()
    assert whole["object"] == "chat.completion"
    assert whole["choices"][0]["message"]["content"]
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert whole["usage"]["total_tokens"] > 0
    assert whole["tram"]["cost_nano_usd"] > 0


def test_an_answer_is_named_by_its_turn(program: Program) -> None:
    answer = program.ask()
    turn = UUID(answer.headers["x-request-id"])
    assert answer.json()["id"] == f"chatcmpl-{turn.hex}"
    assert int(answer.headers["openai-processing-ms"]) >= 0
    stored = program.server.rows("SELECT state FROM chat_turn WHERE id = ?", turn.hex)
    assert stored == [("completed",)]
