"""The main job over a real socket: send, stream, stop, come back, pay once."""

import hashlib
import uuid

from tests.servers import TramServer
from tests.socket_client import Frame, SocketClient
from tests.sockets.conftest import OpenSocket, SignedIn


def settlements(server: TramServer, turn: str) -> list[tuple[object, ...]]:
    return server.rows(
        "select quality, outcome, cost_nano_usd, prompt_tokens, completion_tokens "
        "from billing_settlement where subject = ?",
        f"turn:{turn}",
    )


def stored_text(server: TramServer, message: str) -> str:
    rows = server.rows("select content from chat_message where id = ?", uuid.UUID(message).hex)
    return str(rows[0][0])


async def test_an_answer_streams_is_stored_and_is_paid_once(
    open_socket: OpenSocket, tram_server: TramServer
) -> None:
    alice = await open_socket("alice")
    accepted = await alice.chat("Say something short", model="gpt-4.1")
    assert accepted["type"] == "accepted"
    assert accepted["hold_nano_usd"] > 0
    done = await alice.done(accepted["turn"])
    text = alice.turns[accepted["turn"]].content
    assert done["state"] == "completed"
    assert done["quality"] == "reported"
    assert done["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert stored_text(tram_server, accepted["assistant_message"]) == text
    usage = done["usage"]
    # gpt-4.1 costs 8 dollars per million tokens, in and out: 8,000 nano-dollars a token.
    assert done["cost_nano_usd"] == 8_000 * usage["total_tokens"]
    relays = tram_server.rows("select distinct route from chat_turn")
    assert relays == [("demo",)], "the relay that answered is noted"
    assert settlements(tram_server, accepted["turn"]) == [
        (
            "reported",
            "completed",
            done["cost_nano_usd"],
            usage["prompt_tokens"],
            usage["completion_tokens"],
        )
    ]


async def test_stop_keeps_what_came_and_says_what_it_cost(
    open_socket: OpenSocket, tram_server: TramServer
) -> None:
    alice = await open_socket("alice")
    accepted = await alice.chat("Write something long", model="gpt-4.1")
    await alice.first_text(accepted["turn"])
    await alice.send(type="interrupt", turn=accepted["turn"])
    done = await alice.done(accepted["turn"])
    assert (done["state"], done["quality"]) == ("interrupted", "estimated")
    assert 0 < done["cost_nano_usd"] < accepted["hold_nano_usd"]
    text = alice.turns[accepted["turn"]].content
    assert text == stored_text(tram_server, accepted["assistant_message"])
    assert len(settlements(tram_server, accepted["turn"])) == 1


async def test_stop_before_the_first_word_ends_the_turn_at_once(open_socket: OpenSocket) -> None:
    alice = await open_socket("alice")
    accepted = await alice.chat("Hello", model="fault-hang-before-first-byte")
    if accepted["type"] == "error":
        accepted = await alice.chat("Write something long", model="gpt-4.1")
    await alice.send(type="interrupt", turn=accepted["turn"])
    done = await alice.done(accepted["turn"])
    assert done["state"] == "interrupted"
    assert done["finish_reason"] is None


async def test_stopping_twice_is_stopping_once(
    open_socket: OpenSocket, tram_server: TramServer
) -> None:
    alice = await open_socket("alice")
    accepted = await alice.chat("Write something long", model="gpt-4.1")
    for _ in range(3):
        await alice.send(type="interrupt", turn=accepted["turn"])
    done = await alice.done(accepted["turn"])
    after = len(alice.frames)
    await alice.send(type="interrupt", turn=accepted["turn"])
    again = await alice.wait_for(lambda frame: frame["type"] == "done", after=after)
    assert again == done
    assert len(settlements(tram_server, accepted["turn"])) == 1


async def test_a_closed_tab_does_not_stop_a_turn_and_loses_nothing(
    open_socket: OpenSocket, signed_in: SignedIn, tram_server: TramServer
) -> None:
    alice = await open_socket("alice")
    accepted = await alice.chat("Show me a table", model="gpt-4.1")
    await alice.first_text(accepted["turn"])
    seen = alice.turns[accepted["turn"]]
    await alice.connection.close()

    back = await open_socket("alice")
    back.turns[accepted["turn"]] = seen
    await back.send(
        type="attach",
        conversation=accepted["conversation"],
        turn=accepted["turn"],
        epoch=seen.epoch,
        after=seen.seq,
    )
    done = await back.done(accepted["turn"])
    assert done["state"] == "completed"
    assert not [frame for frame in back.frames if frame["type"] == "snapshot"]
    assert stored_text(tram_server, accepted["assistant_message"]) == seen.content


async def test_a_second_tab_sees_the_same_answer(open_socket: OpenSocket) -> None:
    first, second = await open_socket("alice"), await open_socket("alice")
    accepted = await first.chat("Show me a table", model="gpt-4.1")
    await first.first_text(accepted["turn"])
    await second.send(type="attach", conversation=accepted["conversation"])
    await first.done(accepted["turn"])
    await second.done(accepted["turn"])
    assert first.turns[accepted["turn"]].content == second.turns[accepted["turn"]].content


async def test_a_colleague_watches_from_the_first_word_and_may_stop(
    open_socket: OpenSocket,
) -> None:
    alice, bob = await open_socket("alice"), await open_socket("bob")
    first = await alice.chat("Say something short", model="gpt-4.1")
    await alice.done(first["turn"])
    await bob.send(type="attach", conversation=first["conversation"])
    await bob.wait_for(lambda frame: frame["type"] == "attached")
    second = await alice.chat(
        "Write something long", model="gpt-4.1", conversation=first["conversation"]
    )
    told = await bob.wait_for(
        lambda frame: frame["type"] == "conversation" and frame["change"] == "message"
    )
    assert told["turn"] == second["turn"]
    await bob.first_text(second["turn"])
    await bob.send(type="interrupt", turn=second["turn"])
    assert (await alice.done(second["turn"]))["state"] == "interrupted"
    assert await bob.done(second["turn"]) == await alice.done(second["turn"])


async def test_a_new_conversation_is_told_to_the_team_and_to_nobody_else(
    open_socket: OpenSocket,
) -> None:
    alice, bob, charlie = [await open_socket(name) for name in ("alice", "bob", "charlie")]
    accepted = await alice.chat("Say something short", model="gpt-4.1")
    told = await bob.wait_for(
        lambda frame: (
            frame["type"] == "conversation" and frame["conversation"] == accepted["conversation"]
        )
    )
    assert (told["change"], told["title"]) == ("title", "Say something short")
    await alice.done(accepted["turn"])
    assert "conversation" not in {frame["type"] for frame in charlie.frames}


async def test_attaching_after_the_end_gives_the_whole_answer(open_socket: OpenSocket) -> None:
    alice = await open_socket("alice")
    accepted = await alice.chat("Say something short", model="gpt-4.1")
    done = await alice.done(accepted["turn"])
    late = await open_socket("alice")
    await late.send(
        type="attach", conversation=accepted["conversation"], turn=accepted["turn"], after=1
    )
    assert await late.done(accepted["turn"]) == done
    assert late.turns[accepted["turn"]].content == alice.turns[accepted["turn"]].content


async def test_the_same_send_twice_is_one_turn(
    open_socket: OpenSocket, tram_server: TramServer
) -> None:
    first, second = await open_socket("alice"), await open_socket("alice")
    id = str(uuid.uuid4())
    one = await first.chat("Say something short", model="gpt-4.1", id=id)
    two = await second.chat("Say something short", model="gpt-4.1", id=id)
    assert one == two
    await first.done(one["turn"])
    await second.done(one["turn"])
    assert len(settlements(tram_server, one["turn"])) == 1


async def test_regenerate_and_edit_make_siblings(
    open_socket: OpenSocket, signed_in: SignedIn
) -> None:
    alice = await open_socket("alice")
    first = await alice.chat("Say something short", model="gpt-4.1")
    await alice.done(first["turn"])

    again = await _start(alice, type="regenerate", message=first["assistant_message"])
    await alice.done(again["turn"])
    assert again["user_message"] == first["user_message"]
    assert again["assistant_message"] != first["assistant_message"]

    edited = await _start(
        alice, type="edit", message=first["user_message"], content="Show me a table"
    )
    await alice.done(edited["turn"])
    answer = signed_in("alice").get(f"/api/conversations/{first['conversation']}/messages")
    items = answer.json()["items"]
    assert [item["id"] for item in items] == [edited["user_message"], edited["assistant_message"]]
    assert items[0]["siblings"] == [first["user_message"], edited["user_message"]]


async def test_a_stopped_answer_goes_on_where_it_stopped(open_socket: OpenSocket) -> None:
    alice = await open_socket("alice")
    first = await alice.chat("Write something long", model="gpt-4.1")
    await alice.first_text(first["turn"])
    await alice.send(type="interrupt", turn=first["turn"])
    await alice.done(first["turn"])
    kept = alice.turns[first["turn"]].content
    assert kept

    more = await _start(alice, type="continue", message=first["assistant_message"])
    await alice.first_text(more["turn"])
    await alice.send(type="interrupt", turn=more["turn"])
    await alice.done(more["turn"])
    assert alice.turns[more["turn"]].content.startswith(kept)


async def test_a_complete_answer_is_not_continued(open_socket: OpenSocket) -> None:
    alice = await open_socket("alice")
    first = await alice.chat("Say something short", model="gpt-4.1")
    await alice.done(first["turn"])
    refused = await _start(alice, type="continue", message=first["assistant_message"])
    assert (refused["type"], refused["code"]) == ("error", "bad_frame")


async def _start(client: SocketClient, **fields: str) -> Frame:
    id = str(uuid.uuid4())
    after = len(client.frames)
    await client.send(id=id, **fields)
    return await client.answer_to(id, after)
