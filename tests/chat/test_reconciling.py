"""Turns that were cut off, beside the demo relay's own log: off before reconciling, equal after."""

import json
import random
from datetime import timedelta
from io import StringIO
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.policy import Principal
from billing.budgets import budget_of
from billing.models import Quality, ReconciliationRun, Settlement, Transfer, TransferKind
from billing.verification import verify
from chat.models import Attempt, Turn
from chat.relay.demo import casting
from chat.relay.demo.counting import Counting
from chat.relay.demo.order import ChatMessage
from chat.relay.demo.pieces import cut
from chat.relay.demo.record import RequestRecord
from chat.services.attempts import AttemptEnd
from chat.services.intents import Admitted
from chat.services.reconciling import reconcile_totals
from tests.billing.conftest import set_prices
from tests.chat.admitting import MODEL, attempt_of, finish, send

ANSWERS = sorted((Path(casting.__file__).parent / "answers").glob("*.md"))
PRICE_NANO_USD = 7_000_000_333
AGO = timedelta(hours=2)


@pytest.fixture(autouse=True)
def priced(db: None) -> None:
    set_prices(MODEL, "7.000000333")


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


def run(log: Path, *options: str) -> str:
    out = StringIO()
    since = (timezone.now() - timedelta(hours=4)).isoformat()
    call_command(
        "reconcile", "--relay", "demo", "--since", since, "--bill", str(log), *options, stdout=out
    )
    return out.getvalue()


def errors_percent(records: list[dict[str, Any]]) -> list[float]:
    turns = Turn.objects.order_by("created_at").values_list("cost_nano_usd", flat=True)
    pairs = zip(turns, (each["cost_nano_usd"] for each in records), strict=True)
    return [100 * abs(ours - theirs) / theirs for ours, theirs in pairs]


def test_estimates_are_near_and_after_reconciling_nothing_is_left(
    alice: Principal, tmp_path: Path
) -> None:
    chance = random.Random(46)
    records = [cut_off(alice, number, chance) for number in range(2 * len(ANSWERS))]
    off = errors_percent(records)
    assert median(off) <= 2
    assert quantiles(off, n=20)[-1] <= 8
    assert max(off) > 0
    log = tmp_path / "log.json"
    log.write_bytes(two_hours_ago(records))
    transfers = Transfer.objects.count()
    assert "Dry run" in run(log, "--dry-run")
    assert Transfer.objects.count() == transfers
    assert "Left between the relay's bill and the books: USD 0.00." in run(log)
    assert errors_percent(records) == [0] * len(records)
    assert budget_of(alice.team_id).spent_nano_usd == sum(each["cost_nano_usd"] for each in records)
    assert set(Settlement.objects.values_list("quality", flat=True)) == {Quality.RECONCILED}
    assert set(Turn.objects.values_list("quality", flat=True)) == {Quality.RECONCILED}
    assert {each.code for each in verify().differences} <= {"guard_missing"}
    transfers = Transfer.objects.count()
    assert "Difference: USD 0.00" in run(log)
    assert Transfer.objects.count() == transfers


def test_what_is_left_unexplained_ends_with_status_1(alice: Principal, tmp_path: Path) -> None:
    records = [cut_off(alice, 0, random.Random(1))]
    stranger = records[0] | {"request_id": "stranger", "prompt_tokens": 3, "cost_nano_usd": 5}
    log = tmp_path / "log.json"
    log.write_bytes(two_hours_ago([*records, stranger]))
    with pytest.raises(CommandError, match="1 findings are left"):
        run(log)
    assert ReconciliationRun.objects.get().causes["lost_row"] == 1


def test_a_bill_of_nonsense_is_refused_by_line_and_nothing_is_written(
    alice: Principal, tmp_path: Path
) -> None:
    log = tmp_path / "log.json"
    records = [cut_off(alice, 0, random.Random(1)) | {"prompt_tokens": -1}]
    log.write_bytes(two_hours_ago(records))
    with pytest.raises(CommandError, match="Line 1: prompt_tokens"):
        run(log)
    assert not ReconciliationRun.objects.exists()
    assert not Transfer.objects.filter(kind=TransferKind.CORRECTION).exists()


def test_totals_are_kept_beside_ours_since_the_time_before_and_correct_nothing(
    alice: Principal,
) -> None:
    records = [cut_off(alice, number, random.Random(1)) for number in range(2)]
    two_hours_ago(records)
    now = timezone.now()
    first = reconcile_totals("demo", now - 2 * AGO, now, {"total_usage": 1_000, "balance": "4.20"})
    assert first.ours_tokens == sum(
        row.prompt_tokens + row.completion_tokens for row in Attempt.objects.all()
    )
    assert (first.theirs_tokens, first.theirs_nano_usd) == (1_000, None)
    assert first.ours_nano_usd == budget_of(alice.team_id).spent_nano_usd
    second = reconcile_totals("demo", now - 2 * AGO, timezone.now(), {"total_usage": 1_300})
    assert (second.since, second.ours_tokens, second.theirs_tokens) == (now, 0, 300)
    assert not Transfer.objects.filter(kind=TransferKind.CORRECTION).exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--since", "2026-13-01"), "not a day or a time"),
        (("--team", "Nobody"), "No team has the name"),
        (("--until", "2020-01-01"), "begun before it ends"),
    ],
)
def test_what_cannot_be_reconciled_is_refused_in_words(
    db: None, tmp_path: Path, options: tuple[str, str], said: str
) -> None:
    log = tmp_path / "log.json"
    log.write_text('{"requests": []}')
    with pytest.raises(CommandError, match=said):
        run(log, *options)
