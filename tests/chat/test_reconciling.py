"""Turns that were cut off, beside the demo relay's own log: off before reconciling, equal after."""

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
from chat.management.commands.reconcile import _settings_of
from chat.models import Attempt, Turn
from chat.services import reconciling
from chat.services.reconciling import reconcile_totals
from tests.billing.conftest import set_prices
from tests.chat.admitting import MODEL
from tests.chat.cutting_off import (
    AGO,
    ANSWERS,
    PRICE_USD,
    cut_off,
    errors_percent,
    two_hours_ago,
)


@pytest.fixture(autouse=True)
def priced(db: None) -> None:
    set_prices(MODEL, PRICE_USD)


def run(log: Path, *options: str) -> str:
    out = StringIO()
    since = (timezone.now() - timedelta(hours=4)).isoformat()
    call_command(
        "reconcile", "--relay", "demo", "--since", since, "--bill", str(log), *options, stdout=out
    )
    return out.getvalue()


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


def test_a_run_that_ended_before_it_told_the_turns_is_made_up_for_by_the_next(
    alice: Principal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [cut_off(alice, number, random.Random(3)) for number in range(2)]
    log = tmp_path / "log.json"
    log.write_bytes(two_hours_ago(records))

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(reconciling, "_tell_turns", killed)
        with pytest.raises(KeyboardInterrupt):
            run(log)
    assert max(errors_percent(records)) > 0
    transfers = Transfer.objects.count()
    run(log)
    assert errors_percent(records) == [0, 0]
    assert set(Turn.objects.values_list("quality", flat=True)) == {Quality.RECONCILED}
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
    anew = reconcile_totals("demo", now - 2 * AGO, timezone.now(), {"total_usage": 7})
    assert anew.theirs_tokens == 7
    assert not Transfer.objects.filter(kind=TransferKind.CORRECTION).exists()


def test_the_relays_of_a_make_up_that_runs_are_known_beside_it(
    db: None, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    with pytest.raises(CommandError, match="No relay that can be asked is called demo"):
        _settings_of("demo")
    (tmp_path / "embedded_relays").write_text(
        "local=http://127.0.0.1:1/v1,demo=http://127.0.0.1:2/v1\n"
    )
    assert _settings_of("demo").base_url == "http://127.0.0.1:2/v1"


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
