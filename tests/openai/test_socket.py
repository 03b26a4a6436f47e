"""The relay's own WebSocket form: bodies in, chunks out, one answer at a time."""

from contextlib import closing
from typing import Any
from uuid import UUID

import pytest
import websockets

from chat.completions import ProgramError
from chat.openai.socket import check_page
from tests.openai.program import MODEL, make_key, question
from tests.openai.socket_program import open_program, text_of
from tests.openai.waiting import eventually
from tests.servers import TramServer


def state_of(server: TramServer, completion_id: str) -> tuple[str, int]:
    """How a turn stands, and how often it was settled."""
    turn = UUID(completion_id.removeprefix("chatcmpl-"))
    states = server.rows("select state from chat_turn where id = ?", turn.hex)
    paid = server.rows("select 1 from billing_settlement where subject = ?", f"turn:{turn}")
    return str(states[0][0]), len(paid)


def revoke(server: TramServer, key: str) -> None:
    """Revoke a key as an administrator does."""
    prefix = key.split("_")[1]
    pk = server.rows("select id from accounts_apikey where prefix = ?", prefix)[0][0]
    with closing(server.sign_in("alice")) as admin:
        form = {"action": "revoke", "_selected_action": str(pk)}
        assert admin.post("/admin/accounts/apikey/", data=form).status_code == 302


async def test_an_answer_comes_chunk_by_chunk_and_ends_with_its_finish_reason(
    tram_server: TramServer, key: str
) -> None:
    async with open_program(tram_server, key) as program:
        await program.ask()
        frames = await program.answer()
    assert {frame["object"] for frame in frames} == {"chat.completion.chunk"}
    assert {frame["model"] for frame in frames} == {MODEL}
    assert frames[0]["choices"][0]["delta"]["role"] == "assistant"
    assert frames[-1]["choices"][0]["finish_reason"] == "stop"
    assert "usage" not in frames[-1]
    assert text_of(frames)
    assert state_of(tram_server, frames[0]["id"]) == ("completed", 1)


async def test_usage_comes_with_the_finish_reason_and_once_more_after_it(
    tram_server: TramServer, key: str
) -> None:
    async with open_program(tram_server, key) as program:
        await program.ask(stream_options={"include_usage": True})
        finish = (await program.answer())[-1]
        last = await program.frame()
    assert last["choices"] == []
    assert finish["usage"]["total_tokens"] > 0
    assert (last["usage"], last["tram"]) == (finish["usage"], finish["tram"])
    assert finish["tram"]["cost_nano_usd"] > 0


async def test_one_socket_serves_one_body_after_the_other(
    tram_server: TramServer, key: str
) -> None:
    async with open_program(tram_server, key) as program:
        ids = set()
        for _ in range(3):
            await program.ask()
            frames = await program.answer()
            assert "error" not in frames[-1]
            ids.add(frames[0]["id"])
    assert len(ids) == 3


async def test_a_second_body_meanwhile_is_refused_and_the_answer_goes_on(
    tram_server: TramServer, key: str
) -> None:
    async with open_program(tram_server, key) as program:
        await program.ask("Write something long")
        first = await program.frame()
        await program.ask()
        refusal = (await program.until(lambda frame: "error" in frame))[-1]["error"]
        assert refusal["code"] == "rate_limit_exceeded"
        assert refusal["status"] == 429
        assert (await program.frame())["id"] == first["id"]
        await program.send({"type": "interrupt"})
        await program.answer()


async def test_signs_of_life_are_answered_in_kind(tram_server: TramServer, key: str) -> None:
    async with open_program(tram_server, key) as program:
        await program.send("ping")
        assert await program.connection.recv() == "pong"
        for quiet in ("pong", {"type": "pong"}, {"type": "interrupt"}):
            await program.send(quiet)
        await program.send({"type": "ping"})
        assert await program.frame() == {"type": "pong"}


async def test_an_interrupt_ends_the_answer_and_says_what_it_cost(
    tram_server: TramServer, key: str
) -> None:
    async with open_program(tram_server, key) as program:
        await program.ask("Write something long")
        begun = await program.until(lambda frame: text_of([frame]))
        await program.send({"type": "interrupt"})
        error = (await program.answer())[-1]["error"]
        assert error["code"] == "interrupted"
        assert error["detail"]["state"] == "interrupted"
        assert error["detail"]["cost_nano_usd"] > 0
        assert state_of(tram_server, begun[0]["id"]) == ("interrupted", 1)
        await program.ask()
        assert "error" not in (await program.answer())[-1]


async def test_a_stop_sent_with_its_question_stops_it(tram_server: TramServer, key: str) -> None:
    async with open_program(tram_server, key) as program:
        await program.ask("Write something long")
        await program.send({"type": "interrupt"})
        assert (await program.answer())[-1]["error"]["code"] == "interrupted"


async def test_closing_stops_the_answer_and_settles_it(tram_server: TramServer, key: str) -> None:
    async with open_program(tram_server, key) as program:
        await program.ask("Write something long")
        begun = await program.until(lambda frame: text_of([frame]))
    eventually(lambda: state_of(tram_server, begun[0]["id"]) == ("interrupted", 1))


async def test_what_is_refused_is_told_in_openais_shape_and_the_socket_lives(
    tram_server: TramServer, key: str
) -> None:
    async with open_program(tram_server, key) as program:
        await program.send("{")
        assert (await program.frame())["error"]["code"] == "invalid_request"
        await program.send(question(temperature="warm"))
        assert (await program.frame())["error"]["param"] == "$.temperature"
        await program.send(question(model="no-such-model"))
        unknown = (await program.frame())["error"]
        assert (unknown["code"], unknown["status"]) == ("model_not_found", 404)
        await program.ask()
        assert "error" not in (await program.answer())[-1]


async def test_five_frames_in_a_row_that_are_no_request_close_the_socket(
    tram_server: TramServer, key: str
) -> None:
    async with open_program(tram_server, key) as program:
        for _ in range(5):
            await program.send("[]")
            assert (await program.frame())["error"]["status"] == 400
        assert await program.closed() == 4409


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer tram_wrong_key"},
        {"Authorization": "Basic YTpi"},
        {"Cookie": "tram-session=x"},
    ],
)
async def test_without_a_valid_key_the_handshake_is_refused(
    tram_server: TramServer, headers: dict[str, str]
) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with open_program(tram_server, "", headers):
            pass
    assert refused.value.response.status_code == 403


async def test_a_foreign_page_is_refused_even_with_a_key(tram_server: TramServer, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}", "Origin": "https://evil.example"}
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with open_program(tram_server, key, headers):
            pass
    assert refused.value.response.status_code == 403


def test_a_page_may_open_it_where_the_list_of_origins_says_so(settings: Any) -> None:
    settings.CORS_ORIGINS = frozenset({"https://friend.example"})
    check_page([(b"origin", b"https://friend.example")])
    check_page([])
    with pytest.raises(ProgramError):
        check_page([(b"origin", b"https://friend.example"), (b"origin", b"null")])


async def test_a_revoked_key_closes_its_socket_and_stops_its_answer(
    tram_server: TramServer,
) -> None:
    key = make_key(tram_server, "bob")
    async with open_program(tram_server, key) as program:
        await program.ask("Write something long")
        begun = await program.until(lambda frame: text_of([frame]))
        revoke(tram_server, key)
        assert await program.closed() == 4401
    eventually(lambda: state_of(tram_server, begun[0]["id"]) == ("interrupted", 1))


async def test_a_body_longer_than_a_pages_frame_is_answered_and_one_too_long_is_refused(
    tram_server: TramServer, key: str
) -> None:
    async with open_program(tram_server, key) as program:
        picture = "data:image/png;base64," + "A" * 2_000_000
        parts = [
            {"type": "text", "text": "Say something short"},
            {"type": "image_url", "image_url": {"url": picture}},
        ]
        await program.send(question(messages=[{"role": "user", "content": parts}]))
        assert text_of(await program.answer())
        await program.ask("x" * 9_000_000)
        assert (await program.frame())["error"]["status"] == 413
        await program.ask()
        assert text_of(await program.answer())
