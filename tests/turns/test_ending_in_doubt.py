"""A process ends while it does not know whether its turns are its own, and cannot ask."""

from pathlib import Path

from django.db import OperationalError

from chat.services.intents import Admitted
from chat.turns.engine import Engine
from chat.turns.spool import Spool
from chat.turns.store import MemoryChunkStore
from tests.turns.doubles import FAST, Client, MemoryRecords, StepRelay, admitted, seams, until


async def test_what_was_held_back_is_kept_for_whoever_may_store_it(tmp_path: Path) -> None:
    relay, store, records, turn = StepRelay(), MemoryChunkStore(), MemoryRecords(), admitted()
    spool, client = Spool(tmp_path / "spool"), Client()
    engine = Engine(
        seams(relay, store=store, records=records),
        FAST,
        node="here",
        beat_seconds=0.005,
        max_turns=2,
        last_ends_seconds=0.05,
        spool=spool,
    )
    engine.start()
    engine.hub.attach(client.viewer, turn.conversation_id)

    async def stored() -> Admitted:
        return turn

    await engine.admit(stored, lambda _: None)
    live = engine.hub.live(turn.turn_id)
    assert live is not None
    relay.feed("shown ")
    await until(lambda: live.content == "shown ")
    engine._journal.doubt()
    store.error = records.error = OperationalError("gone")
    relay.feed("held back")
    await until(lambda: engine.journal_stall_seconds() > 0)
    await engine.aclose()
    assert live.content == "shown "
    (end,) = spool.ends()
    assert (end.turn_id, end.epoch, end.content) == (turn.turn_id, 1, "shown held back")
    assert end.attempts[0].generated == "shown held back"
