"""A turn that others settled before its process knew that it was stored: it does not run, and
whoever watches is told its end, once."""

import asyncio

import pytest

from chat.services.ending import TurnEnd
from chat.services.intents import Admitted
from chat.turns.hub import Hub
from tests.turns.doubles import Client, admitted, until
from tests.turns.mirroring import MakeNodes
from tests.turns.mirroring import ended as told_the_end
from tests.turns.mirroring import site as site
from tests.turns.several import frames_of, whole


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not taken"])
async def test_what_took_long_to_store_runs_only_if_nobody_took_it(
    site: MakeNodes, taken: bool
) -> None:
    nodes, turn = site("a", lease_seconds=0.04), admitted()
    told: list[Admitted] = []

    async def store() -> Admitted:
        nodes.stored.put(turn, "a")
        await asyncio.sleep(0.02)
        if taken:
            nodes.stored.take_over(turn.turn_id, "a")
            nodes.stored.end(turn.turn_id, "orphaned", "")
        return turn

    given = await nodes["a"].admit(store, told.append)
    assert told == [given]
    # Not created: who asked is told the stored end, as for what another process has stored.
    assert given.created is not taken
    assert nodes["a"].running_ids() == (() if taken else (turn.turn_id,))


async def test_the_end_that_others_gave_a_turn_of_this_process_is_told(site: MakeNodes) -> None:
    nodes, turn = site("a", bus=False), admitted()
    nodes.stored.put(turn, "a")
    alice = await nodes.attach("a", turn.conversation_id)
    looks = nodes.stored.looks
    await until(lambda: nodes.stored.looks > looks + 1)
    assert frames_of(alice, "done") == []
    nodes.stored.take_over(turn.turn_id, "a")
    nodes.stored.end(turn.turn_id, "orphaned", "")
    await told_the_end(alice)
    looks = nodes.stored.looks
    await until(lambda: nodes.stored.looks > looks + 1)
    assert [frame["state"] for frame in frames_of(alice, "done")] == ["orphaned"]


async def test_the_end_is_told_though_it_is_long_ago_when_this_process_looks_again(
    site: MakeNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes, turn = site("a", bus=False), admitted()
    nodes.stored.put(turn, "a")
    alice = await nodes.attach("a", turn.conversation_id)
    nodes.stored.take_over(turn.turn_id, "a")
    nodes.stored.end(turn.turn_id, "orphaned", "")

    async def nothing_lately(_: object) -> list[object]:
        return []

    monkeypatch.setattr(nodes.stored, "running_in", nothing_lately)
    await told_the_end(alice)


async def test_the_end_of_a_turn_that_never_ran_here_is_said_once() -> None:
    hub, alice, turn = Hub(), Client(), admitted()
    end = whole(TurnEnd(turn.turn_id, 2, turn.model, "orphaned", "", "", ()), turn)
    hub.attach(alice.viewer, turn.conversation_id)
    pumping = asyncio.create_task(alice.viewer.pump())
    assert not hub.has_ended(turn.turn_id)
    hub.say_end(end)
    hub.say_end(end)
    assert hub.has_ended(turn.turn_id)
    await until(lambda: frames_of(alice, "done"))
    pumping.cancel()
    await asyncio.wait({pumping})
    assert [frame["type"] for frame in frames_of(alice, "snapshot", "done")] == ["snapshot", "done"]
