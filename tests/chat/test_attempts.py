"""The tries of a turn: stored with its end, each with its own usage, their costs adding up."""

import pytest

from accounts.policy import Principal
from billing.models import Settlement, Transfer
from billing.settlement import cost_of
from billing.verification import verify
from chat.models import AlertKind, Attempt, RelayAlert, Turn
from chat.services.attempts import TOKENS_PER_MESSAGE, TOKENS_PER_PROMPT, AttemptEnd, ReportedUsage
from chat.services.ending import Ended, TurnEnd, end_turn
from chat.services.intents import Admitted
from chat.services.recovery import recover_turn
from tests.billing.conftest import set_prices
from tests.chat.admitting import MODEL, attempt_of, finish, send


@pytest.fixture(autouse=True)
def priced(db: None) -> None:
    # Odd prices: each sum is rounded up.
    set_prices(MODEL, "7.000000333")


def end(turn: Admitted, *attempts: AttemptEnd, state: str = "completed") -> Ended:
    ended = end_turn(
        TurnEnd(
            turn_id=turn.turn_id,
            epoch=turn.epoch,
            model=turn.model,
            state=state,
            content="".join(each.generated for each in attempts),
            reasoning="",
            attempts=attempts,
        )
    )
    assert ended is not None
    return ended


def failed(turn: Admitted, number: int, generated: str = "", **fields: object) -> AttemptEnd:
    values = {
        "number": number,
        "outcome": "failed",
        "error_code": "relay_unavailable",
        "billed": bool(generated),
    }
    return attempt_of(turn, generated, **(values | fields))


def stored(turn: Admitted) -> list[Attempt]:
    return list(Attempt.objects.filter(turn_id=turn.turn_id).order_by("number"))


def test_what_is_known_of_a_try_is_stored(alice: Principal) -> None:
    turn = send(alice)
    attempt = attempt_of(
        turn,
        "Hello there",
        relay="station",
        key_label="k1",
        transport="sse",
        status=200,
        finish_reason="stop",
        echoed_model="gpt-4.1-2025",
        usage=ReportedUsage(20, 5, cached_tokens=3),
        waited_ms=4,
        ttft_ms=30,
        total_ms=90,
    )
    ended = end(turn, attempt)
    (row,) = stored(turn)
    assert (row.relay, row.key_label, row.transport, row.status) == ("station", "k1", "sse", 200)
    assert (row.outcome, row.finish_reason, row.echoed_model) == (
        "completed", "stop", "gpt-4.1-2025",
    )  # fmt: skip
    assert (row.prompt_tokens, row.completion_tokens, row.cached_tokens) == (20, 5, 3)
    assert (row.counted_prompt_tokens, row.counted_completion_tokens) == (
        1 + TOKENS_PER_MESSAGE + TOKENS_PER_PROMPT,
        2,
    )
    assert (row.waited_ms, row.ttft_ms, row.total_ms) == (4, 30, 90)
    assert (row.quality, row.cost_nano_usd) == ("reported", ended.cost_nano_usd)
    assert Turn.objects.get(pk=turn.turn_id).route == "station"


def test_tries_that_said_nothing_cost_nothing_and_leave_the_evidence_as_it_is(
    alice: Principal,
) -> None:
    turn = send(alice)
    usage = ReportedUsage(20, 5)
    ended = end(
        turn,
        failed(turn, 1, status=503),
        failed(turn, 2, error_code="relay_rate_limited"),
        attempt_of(turn, "ok", number=3, relay="second", usage=usage),
    )
    assert (ended.quality, ended.prompt_tokens, ended.completion_tokens) == ("reported", 20, 5)
    rows = stored(turn)
    assert [row.cost_nano_usd for row in rows] == [0, 0, ended.cost_nano_usd]
    assert [row.quality for row in rows] == ["", "", "reported"]
    assert rows[0].counted_prompt_tokens is None
    assert Turn.objects.get(pk=turn.turn_id).route == "second"


def test_the_costs_of_all_tries_add_up_to_one_charge(alice: Principal) -> None:
    turn = send(alice, content="A question of some length, to be asked three times.")
    attempts = [
        failed(turn, 1, "one two three", error_code="relay_stream_broken"),
        failed(turn, 2),
        failed(turn, 3, " four five", resumed=True, error_code="relay_truncated"),
        attempt_of(turn, " six", number=4, resumed=True, usage=ReportedUsage(31, 3, 100)),
    ]
    ended = end(turn, *attempts)
    rows = stored(turn)
    assert ended.quality == "estimated"
    assert [row.quality for row in rows] == ["estimated", "", "estimated", "reported"]
    assert [row.resumed for row in rows] == [False, False, True, True]
    assert sum(row.prompt_tokens for row in rows) == ended.prompt_tokens
    assert sum(row.completion_tokens for row in rows) == ended.completion_tokens
    assert sum(row.cost_nano_usd for row in rows) == ended.cost_nano_usd
    assert all(row.cost_nano_usd > 0 for row in rows if row.quality)
    settlement = Settlement.objects.get()
    assert (
        settlement.cost_nano_usd
        == ended.cost_nano_usd
        == cost_of(settlement.price_version_id, ended.prompt_tokens, ended.completion_tokens, 31)
    )
    kinds = sorted(Transfer.objects.filter(subject=f"turn:{turn.turn_id}").values_list("kind"))
    assert len(kinds) == len(set(kinds))
    wrong = [each for each in verify().differences if each.code != "guard_missing"]
    assert wrong == []


def test_many_tries_never_cost_more_than_was_held(alice: Principal) -> None:
    turn = send(alice)
    ended = end(
        turn,
        failed(turn, 1, "tram " * 50_000),
        attempt_of(turn, "tram " * 50_000, number=2, resumed=True),
    )
    rows = stored(turn)
    assert ended.cost_nano_usd == turn.hold_nano_usd
    assert [row.cost_nano_usd for row in rows] == [turn.hold_nano_usd, 0]


def test_a_turn_that_was_never_sent_has_no_tries_and_costs_nothing(alice: Principal) -> None:
    turn = send(alice)
    ended = end(turn, state="interrupted")
    assert (ended.cost_nano_usd, ended.prompt_tokens, stored(turn)) == (0, 0, [])


def test_the_end_that_comes_too_late_stores_no_try(alice: Principal) -> None:
    turn = send(alice)
    finish(turn)
    finish(turn, "Too late")
    assert len(stored(turn)) == 1


def test_a_refused_key_is_an_alert_though_another_relay_answered(alice: Principal) -> None:
    turn = send(alice)
    refused = failed(turn, 1, relay="first", key_label="k1", error_code="relay_auth", status=401)
    end(turn, refused, attempt_of(turn, number=2, relay="second"))
    alert = RelayAlert.objects.get()
    assert (alert.kind, alert.relay, alert.times) == (AlertKind.KEY_REFUSED, "first", 1)
    assert "k1" in alert.detail


def test_a_bill_beyond_the_hold_is_an_alert_and_an_honest_one_is_not(alice: Principal) -> None:
    turn = send(alice)
    end(turn, attempt_of(turn, usage=ReportedUsage(10, 5)))
    assert not RelayAlert.objects.exists()
    turn = send(alice)
    ended = end(turn, attempt_of(turn, relay="greedy", usage=ReportedUsage(10**6, 10**6)))
    assert ended.cost_nano_usd > turn.hold_nano_usd
    alert = RelayAlert.objects.get()
    assert (alert.kind, alert.relay, alert.model) == (AlertKind.OVERRUN, "greedy", MODEL)
    assert str(turn.turn_id) in alert.detail


def test_a_recovered_turn_has_one_try(alice: Principal) -> None:
    turn = send(alice)
    Turn.objects.filter(pk=turn.turn_id).update(route="station")
    ended = recover_turn(turn.turn_id)
    assert ended is not None
    (row,) = stored(turn)
    assert (row.relay, row.outcome, row.error_code) == ("station", "interrupted", "restarting")
    assert row.cost_nano_usd == ended.cost_nano_usd > 0
