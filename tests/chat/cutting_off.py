"""Turns that their person stopped somewhere, and what the demo relay wrote down about them."""

import json
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

from accounts.policy import Principal
from chat.models import Attempt, Turn
from chat.relay.demo import casting
from chat.relay.demo.counting import Counting
from chat.relay.demo.order import ChatMessage
from chat.relay.demo.pieces import cut
from chat.relay.demo.record import RequestRecord
from chat.services.attempts import AttemptEnd
from chat.services.intents import Admitted
from tests.chat.admitting import MODEL, attempt_of, finish, send

ANSWERS = sorted((Path(casting.__file__).parent / "answers").glob("*.md"))
PRICE_USD = "7.000000333"
PRICE_NANO_USD = 7_000_000_333
AGO = timedelta(hours=2)


def cut_off(who: Principal, number: int, chance: random.Random) -> dict[str, Any]:
    """A turn that its person stopped somewhere, and what the relay wrote down about it: it counts
    as the model does, and was some tokens ahead."""
    answer = ANSWERS[number % len(ANSWERS)].read_text()
    question = " ".join(cut(answer)[:60])
    turn = send(who, content=question)
    pieces = cut(answer)
    heard = chance.randint(len(pieces) // 3, len(pieces))
    counting = Counting(by_model=True)
    messages = [ChatMessage(role=each.role, content=each.content) for each in turn.prompt]
    said = pieces[: heard + chance.randint(0, 4)]
    stop(turn, "".join(pieces[:heard]), response_id=f"chatcmpl-demo-{number}")
    record = RequestRecord(
        request_id=f"demo-{number}",
        via="sse",
        model=MODEL,
        script="ordinary",
        prompt_tokens=counting.prompt(MODEL, messages),
        max_tokens=2048,
        price_nano_usd_per_million=PRICE_NANO_USD,
        tokens_generated=counting.answer(MODEL, len(said), said),
        state="left",
    )
    return record.as_dict()


def stop(turn: Admitted, heard: str, **facts: Any) -> AttemptEnd:
    attempt = attempt_of(turn, heard, relay="demo", outcome="interrupted", total_ms=900, **facts)
    finish(turn, heard, attempts=(attempt,), state="interrupted")
    return attempt


def two_hours_ago(records: list[dict[str, Any]]) -> bytes:
    """Put all of it into the past, which alone can be reconciled; gives the log as the relay's."""
    for turn in Turn.objects.all():
        Turn.objects.filter(pk=turn.pk).update(created_at=turn.created_at - AGO)
    for attempt in Attempt.objects.all():
        Attempt.objects.filter(pk=attempt.pk).update(created_at=attempt.created_at - AGO)
    nanoseconds = int(AGO.total_seconds()) * 10**9
    for record in records:
        record["seen_wall_ns"] -= nanoseconds
    return json.dumps({"requests": records}).encode()


def errors_percent(records: list[dict[str, Any]]) -> list[float]:
    turns = Turn.objects.order_by("created_at").values_list("cost_nano_usd", flat=True)
    pairs = zip(turns, (each["cost_nano_usd"] for each in records), strict=True)
    return [100 * abs(ours - theirs) / theirs for ours, theirs in pairs]
