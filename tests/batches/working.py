"""Batches of the tests, and the turns of their lines, without a process that runs them."""

import hashlib
from typing import Any
from uuid import UUID

from accounts.policy import Principal
from chat.completions import read_request
from chat.models import Batch, BatchLine, Node
from chat.services.batch_asking import Standing, admit_line, standing_of
from chat.services.batch_taking import take_batches
from chat.services.batches import NewBatch, make_batch
from chat.services.intents import Admitted, Completion, Models, PromptMessage
from chat.services.leases import BeatOf, beat
from tests.chat.admitting import MODEL

LEASE_SECONDS = 10.0


def batch_of(who: Principal, lines: int = 3, **fields: Any) -> Batch:
    prompts = tuple(f"Say {n}." for n in range(lines))
    made = make_batch(who, NewBatch(prompts=prompts, model=MODEL, **fields))
    return Batch.objects.get(pk=made.batch_id)


def lives(*nodes: str) -> None:
    for node in nodes:
        beat(BeatOf(node, "all", draining=False, turn_ids=()))


def dies(node: str) -> None:
    """It is listed no more, as after an orderly end or a restart on SQLite."""
    Node.objects.filter(name=node).delete()


def take(node: str, *, adopt: bool = False, room: int = 5) -> list[UUID]:
    return list(take_batches(node, lease_seconds=LEASE_SECONDS, adopt=adopt, room=room))


def standing(batch: Batch, node: str) -> Standing:
    found = standing_of(batch.pk, node)
    assert found is not None
    return found


def ask_next(batch: Batch, node: str) -> Admitted:
    """Admit the line that comes next."""
    line = standing(batch, node).next
    assert line is not None
    return ask(batch, line.line_id, node)


def ask(batch: Batch, line_id: int, node: str) -> Admitted:
    completion = completion_of(BatchLine.objects.get(pk=line_id).body)
    return admit_line(batch.pk, line_id, completion, models=Models(MODEL), node=node)


def completion_of(body: str) -> Completion:
    asked = read_request(body)
    return Completion(
        client_id=UUID(int=0),
        model=MODEL,
        asked_model=MODEL,
        prompt=tuple(PromptMessage(m.role, m.content) for m in asked.prompt),
        payload_sha256=hashlib.sha256(body.encode()).hexdigest(),
        source="batch",
        max_tokens=asked.max_tokens,
    )


def line_of(turn: Admitted) -> BatchLine:
    return BatchLine.objects.get(turn_id=turn.turn_id)
