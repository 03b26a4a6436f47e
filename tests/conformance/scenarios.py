"""What can befall a client, and what it must do then. Each scenario is played over the connections
of one client that asks one question."""

from typing import Any

from tests.conformance.peer import LAST, PIECES, TEXT, TURN, Peer, is_asked, resume
from tests.conformance.scenario import NextPeer, scenario


async def begin(peer: Peer, *chunks: int) -> dict[str, Any]:
    """The client asks, and gets the first chunks."""
    await peer.ready()
    chat = await peer.expect("chat")
    await peer.accept(chat)
    await peer.chunks(*chunks)
    return chat


async def finish(peer: Peer, *chunks: int) -> None:
    """The last chunks, of which the client says that it has them, and nothing else; and the end."""
    await peer.chunks(*chunks)
    await peer.hear_until(lambda: peer.acked == LAST, within_seconds=1.5)
    await peer.done()


@scenario()
async def chunks_make_the_text(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await begin(peer)
    await finish(peer, *range(1, LAST + 1))


@scenario()
async def what_came_is_acknowledged_in_time(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await begin(peer, 1, 2)
    await peer.hear_until(lambda: peer.acked == 2, within_seconds=1.5)
    await finish(peer, *range(3, LAST + 1))


@scenario()
async def a_cut_is_resumed_where_the_client_stands(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await begin(peer, 1, 2, 3)
    await peer.hear_until(lambda: peer.acked == 3, within_seconds=1.5)
    peer.cut()
    peer = await next_peer()
    await resume(peer, after=3)
    await peer.chunks(4)
    await peer.hear_until(lambda: peer.acked == 4, within_seconds=1.5)
    await peer.close(1001)
    peer = await next_peer()
    await resume(peer, after=4)
    await finish(peer, 5, 6)


@scenario()
async def a_question_without_an_answer_is_sent_again_with_its_id(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await peer.ready()
    first = await peer.expect("chat")
    peer.cut()
    again = await begin(peer := await next_peer())
    assert again == first, "the same question must have the same id and fields"
    await finish(peer, *range(1, LAST + 1))


@scenario()
async def a_snapshot_replaces_what_is_held(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await begin(peer, 1, 2)
    await peer.snapshot(5)
    await finish(peer, 6)


@scenario()
async def an_older_snapshot_and_older_chunks_change_nothing(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await begin(peer, 1, 2, 3, 2, 3, 1)
    await peer.snapshot(2)
    await peer.chunks(3)
    await finish(peer, *range(4, LAST + 1))


@scenario()
async def a_gap_is_asked_for_once(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await begin(peer, 1, 2, 4, 5, 6)
    await is_asked(peer, after=2)
    await finish(peer, *range(3, LAST + 1))


@scenario()
async def a_chunk_that_does_not_fit_leads_to_a_snapshot(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await begin(peer, 1, 2)
    await peer.say("chunk", turn=TURN, epoch=1, seq=3, offset=0, content="of another text")
    await is_asked(peer, after=None)
    await peer.snapshot(3)
    await finish(peer, *range(4, LAST + 1))


@scenario()
async def a_new_epoch_begins_with_a_snapshot(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await begin(peer, 1, 2)
    await peer.chunks(3, epoch=2)
    await is_asked(peer, after=None)
    await peer.snapshot(2, epoch=2)
    # What the dead owner still says is of no interest.
    await peer.chunks(3, pieces=("", "", "nothing of ours"))
    await peer.chunks(*range(3, LAST + 1), epoch=2)
    await finish(peer)


@scenario()
async def an_answer_that_ended_meanwhile_comes_whole(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await begin(peer, 1, 2)
    await peer.hear_until(lambda: peer.acked == 2, within_seconds=1.5)
    peer.cut()
    peer = await next_peer()
    await resume(peer, after=2)
    await peer.snapshot(0, state="completed", text=TEXT)
    await peer.done()


@scenario()
async def an_end_may_come_before_the_last_chunks(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await begin(peer, 1, 2, 3, 4)
    await peer.done()
    await peer.chunks(5, 6)


@scenario(text=None)
async def a_text_that_is_not_the_stored_one_is_not_believed(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await begin(peer, *range(1, LAST))
    await peer.chunks(LAST, pieces=(*PIECES[:-1], "KNOW."))
    await peer.done()
    told = await peer.expect("attach", "report")
    if told["type"] == "attach":
        assert "after" not in told
        await peer.attached()
        await peer.snapshot(0, state="completed", text=TEXT)
        await peer.done()


@scenario(text="".join(PIECES[:4]), end="interrupted", stops=True)
async def a_stop_names_the_turn_and_waits_for_its_end(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await begin(peer, 1, 2, 3)
    stop = await peer.expect("interrupt")
    assert stop["turn"] == TURN
    await peer.chunks(4)
    await peer.done("interrupted", "".join(PIECES[:4]))


@scenario()
async def what_is_new_in_the_protocol_is_passed_over(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await peer.say("weather", degrees=31)
    await peer.ready()
    chat = await peer.expect("chat")
    await peer.say("queued", id=chat["id"], conversation=TURN, position=1)
    await peer.say("queue", conversation=TURN, waiting=[], mood="good")
    await peer.accept(chat)
    await peer.say("notice", turn=TURN, code="retrying", detail="", colour="red")
    await peer.say("presence", conversation=TURN, people=[])
    await peer.say("typing", conversation=TURN, person={"id": 2, "name": "Bob"})
    await peer.say("conversation", conversation=TURN, change="title", title="Trams")
    await peer.say("role", team=TURN, role=None)
    await peer.say("error", code="not_found", message="Of something else.")
    other = {"turn": "0198a0aa-0000-7000-8000-0000000000ff", "epoch": 1, "content": "not ours"}
    await peer.say("chunk", **other, seq=1, offset=0)
    await finish(peer, *range(1, LAST + 1))


@scenario()
async def the_server_restarts_and_the_client_comes_back(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await begin(peer, 1)
    await peer.hear_until(lambda: peer.acked == 1, within_seconds=1.5)
    await peer.close(4012)
    peer = await next_peer()
    await resume(peer, after=1)
    await peer.close(4408)
    peer = await next_peer()
    await resume(peer, after=1)
    await finish(peer, *range(2, LAST + 1))


@scenario()
async def a_question_that_meets_a_restart_is_asked_again(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await peer.ready()
    first = await peer.expect("chat")
    await peer.say("error", id=first["id"], code="restarting", message="In a moment.")
    await peer.close(4012)
    again = await begin(peer := await next_peer())
    assert again["id"] == first["id"]
    await finish(peer, *range(1, LAST + 1))


@scenario(text=None, end=4401)
async def who_is_not_signed_in_does_not_come_back(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await peer.close(4401)


@scenario(text=None, end="budget_exhausted")
async def a_refusal_is_told_with_its_code(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await peer.ready()
    chat = await peer.expect("chat")
    await peer.say("error", id=chat["id"], code="budget_exhausted", message="Nothing is left.")


@scenario()
async def a_quiet_line_is_pinged(next_peer: NextPeer) -> None:
    peer = await next_peer()
    await peer.ready(heartbeat_seconds=0.2)
    chat = await peer.expect("chat")
    await peer.accept(chat)
    await peer.hear_until(lambda: peer.pings >= 3, within_seconds=3)
    await finish(peer, *range(1, LAST + 1))
