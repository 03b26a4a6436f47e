"""Each row of the books says all that it should: who, what, when, for what and by which key."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

from accounts.models import Team, User
from billing import chain
from billing.budgets import grant_credit, team_key
from billing.ledger import accounts_of, post_correction
from billing.markups import set_markup
from billing.models import (
    Account,
    Hold,
    HoldBudget,
    Settlement,
    Transfer,
)
from billing.prices import NewPrice, set_price
from billing.settlement import cost_of
from tests.billing.conftest import MODEL, give, hold_for, settle_as

PAST = datetime(2020, 1, 1, tzinfo=UTC)
TEAM_ID = UUID("12345678-1234-5678-1234-567812345678")


def facts(row: Any, *left_out: str) -> dict[str, Any]:
    """Every column of a row but those."""
    columns = (field.attname for field in row._meta.concrete_fields)
    return {name: getattr(row, name) for name in columns if name not in left_out}


def moving(team: Team, kind: str, **expected: Any) -> dict[str, Any]:
    accounts = accounts_of(team.pk)
    usual = {
        "kind": kind,
        "team_id": team.pk,
        "debit_id": accounts.wallet_id,
        "credit_id": accounts.spending_id,
        "pending_id": None,
        "subject": "",
        "person_id": None,
        "overrun": False,
        "note": "",
    }
    return usual | expected


def test_every_transfer_of_a_turn_is_written_in_full(
    team: Team, charlies_team: Team, alice: User, priced: str
) -> None:
    give(charlies_team, "1")
    assert Transfer.objects.get().note == ""
    grant_credit(
        team_id=team.pk,
        amount_nano_usd=10**9,
        person_id=alice.pk,
        note="January",
        idempotency_key="wx-1",
    )
    hold_for(team, alice, "turn:1")
    settle_as("turn:1", 100, 200)
    hold = Hold.objects.get()
    post_correction(hold, 1, key="more", note="dearer", overrun=True)
    post_correction(hold, -7, key="less", note="cheaper")
    grant_credit(team_id=team.pk, amount_nano_usd=-3, note="back", idempotency_key="wx-2")
    funding = Account.objects.get(kind="funding")
    accounts = accounts_of(team.pk)
    whose = {"subject": "turn:1", "person_id": alice.pk}
    settling = whose | {"pending_id": hold.transfer_id}
    there = {"debit_id": accounts.spending_id, "credit_id": accounts.wallet_id}
    given = {"debit_id": funding.pk, "credit_id": accounts.wallet_id}
    taken = {"debit_id": accounts.wallet_id, "credit_id": funding.pk}
    rows = Transfer.objects.filter(team=team).order_by("number")
    left_out = ("id", "mac", "key_id", "created_at", "number", "debit_entry", "credit_entry")
    assert [facts(row, *left_out, "amount_nano_usd", "idempotency_key") for row in rows] == [
        moving(team, "grant", **given, person_id=alice.pk, note="January"),
        moving(team, "hold", **whose),
        moving(team, "capture", **settling),
        moving(team, "release", **settling),
        moving(team, "correction", **whose, overrun=True, note="dearer"),
        moving(team, "correction", **(whose | there), note="cheaper"),
        moving(team, "adjustment", **taken, note="back"),
    ]
    assert [(row.idempotency_key, row.amount_nano_usd) for row in rows] == [
        ("grant:wx-1", 10**9),
        ("hold:turn:1", 16_000_000),
        ("capture:turn:1", 2_400_000),
        ("release:turn:1", 13_600_000),
        ("more", 1),
        ("less", 7),
        ("grant:wx-2", 3),
    ]
    numbers = [(row.number, row.debit_entry, row.credit_entry) for row in rows]
    # The funding account gave to Charlie's team before.
    assert numbers == [
        (1, 2, 1),
        (2, 2, 1),
        (3, 3, 2),
        (4, 4, 3),
        (5, 5, 4),
        (6, 5, 6),
        (7, 7, 3),
    ]
    counters = ("debits_pending", "debits_posted", "credits_pending", "credits_posted")
    totals = {
        account.kind: tuple(getattr(account, f"{name}_nano_usd") for name in counters)
        for account in Account.objects.filter(team=team)
    }
    assert totals == {
        "wallet": (0, 2_400_004, 0, 10**9 + 7),
        "spending": (0, 7, 0, 2_400_001),
    }
    moments = [row.created_at for row in rows]
    assert moments == sorted(moments)
    assert moments[2] == moments[3] == Settlement.objects.get().created_at
    assert {moment.tzinfo for moment in moments} == {UTC}
    assert abs(moments[0] - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_mac_is_of_these_facts_in_this_order() -> None:
    transfer = Transfer(
        team_id=TEAM_ID,
        number=2,
        kind="capture",
        debit_id=3,
        debit_entry=4,
        credit_id=5,
        credit_entry=6,
        amount_nano_usd=7,
        pending_id=8,
        subject="turn:ü",
        person_id=9,
        overrun=True,
        note="a note",
        idempotency_key="capture:turn:ü",
        created_at=datetime(2026, 11, 21, 18, 0, tzinfo=timezone(timedelta(hours=7))),
    )
    expected = "88f764b1aa338f824458a3c1a1640feb53e076661024adef1726718af8c95517"
    assert chain.mac_of(transfer, "before", b"k" * 32) == expected
    assert chain.moment_text(transfer.created_at) == "2026-11-21T11:00:00.000000+00:00"


def test_the_newest_key_signs_and_every_key_has_a_name_that_does_not_tell_it(settings: Any) -> None:
    settings.LEDGER_KEYS = ("n" * 32, "o" * 32)
    transfer = Transfer(team_id=TEAM_ID, created_at=PAST)
    chain.sign(transfer, "before")
    assert chain.keys() == (b"n" * 32, b"o" * 32)
    assert transfer.key_id == chain.id_of(b"n" * 32) == "6c8334af"
    assert transfer.mac == chain.mac_of(transfer, "before", b"n" * 32)
    assert transfer.mac != chain.mac_of(transfer, "after", b"n" * 32)
    assert chain.keys_by_id() == {chain.id_of(key): key for key in (b"n" * 32, b"o" * 32)}


def test_a_hold_is_written_in_full(team: Team, alice: User) -> None:
    eight, two = 8 * 10**9, 2 * 10**9
    version = set_price(MODEL, NewPrice(two, eight), person_id=alice.pk)
    assert version.created_by == alice
    set_markup(5_000, team.pk)
    give(team, "1")
    conversation = uuid4()
    placed = hold_for(team, alice, "turn:1", conversation_id=conversation, api_key_id=7)
    hold = Hold.objects.get()
    assert facts(hold, "id") == {
        "transfer_id": Transfer.objects.get(kind="hold").pk,
        "subject": "turn:1",
        "team_id": team.pk,
        "person_id": alice.pk,
        "model": MODEL,
        "price_version_id": version.pk,
        "prompt_bytes": 1000,
        "max_tokens": 1000,
        "max_images": 0,
        "amount_nano_usd": 15_000_000,
        "markup_basis_points": 5_000,
        "conversation_id": conversation,
        "api_key_id": 7,
    }
    assert (placed.price_version_id, placed.max_tokens) == (version.pk, 1000)
    prices = (placed.input_nano_usd_per_million, placed.output_nano_usd_per_million)
    assert prices == (two, eight)
    assert (placed.amount_nano_usd, placed.markup_basis_points) == (15_000_000, 5_000)
    assert hold_for(team, alice, "turn:1") == placed
    assert HoldBudget.objects.get().budget.key == team_key(team.pk)


def test_a_settlement_is_written_in_full(team: Team, alice: User, priced: str) -> None:
    give(team, "1")
    conversation = uuid4()
    hold_for(team, alice, "turn:1", conversation_id=conversation)
    settle_as("turn:1", 100, 200, cached_tokens=10, reasoning_tokens=20, outcome="interrupted")
    row = Settlement.objects.get()
    hold = Hold.objects.get()
    expected = {
        "subject": "turn:1",
        "hold_id": hold.pk,
        "team_id": team.pk,
        "person_id": alice.pk,
        "model": MODEL,
        "price_version_id": hold.price_version_id,
        "prompt_tokens": 100,
        "completion_tokens": 200,
        "cached_tokens": 10,
        "reasoning_tokens": 20,
        "images": 0,
        "cost_nano_usd": 2_400_000,
        "relay_cost_nano_usd": 2_400_000,
        "official_cost_nano_usd": 18_000_000,
        "quality": "reported",
        "quality_before": "",
        "corrected_nano_usd": 0,
        "relay_corrected_nano_usd": 0,
        "outcome": "interrupted",
        "overrun": False,
        "day": Transfer.objects.get(kind="release").created_at.date(),
        "created_at": Transfer.objects.get(kind="release").created_at,
    }
    assert {name: getattr(row, name) for name in expected} == expected
    # Each of its counts has its own part in what is shown.
    priced_apart = set_price(MODEL, NewPrice(10**6, 10**7, 10**8, None, None, 10**9))
    assert cost_of(priced_apart.pk, 3, 5, 1, 2, markup_basis_points=10_000) == 2 * (
        2 + 100 + 3 * 10 + 2 * 1000
    )
    assert cost_of(priced_apart.pk, 3, 5) == 53
