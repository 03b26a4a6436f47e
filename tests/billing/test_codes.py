"""Redemption codes: shown once, kept as a digest, redeemed once by whoever is first."""

import hashlib
import threading
from datetime import timedelta
from typing import Any

import pytest
import structlog
from django.db import connections
from django.utils.timezone import now

from accounts.models import AuditEntry, Team, User
from accounts.services.audit import Actor
from billing import codes
from billing.budgets import budget_of
from billing.codes import make_codes, redeem, revoke_code
from billing.errors import (
    AmountInvalid,
    CodeExpired,
    CodeRevoked,
    CodeUnknown,
    CodeUsed,
)
from billing.models import Code, Transfer
from billing.money import usd_to_nano
from tests.billing.conftest import give

RIVALS = 50


def made(usd: str = "5", **more: Any) -> str:
    return make_codes(count=1, amount_nano_usd=usd_to_nano(usd), **more).texts[0]


def acting(person: User) -> Actor:
    return Actor(person.pk, person.username, "192.0.2.1")


def test_a_code_gives_its_credit_once(team: Team, alice: User, bob: User) -> None:
    text = made("5", note="spring")
    grant = redeem(text, team_id=team.pk, actor=acting(alice))
    assert (grant.amount_nano_usd, grant.person_id) == (usd_to_nano("5"), alice.pk)
    assert grant.note == f"Code …{text[-4:]}: spring"
    code = Code.objects.get()
    assert (code.transfer, code.redeemed_by) == (grant, alice)
    with pytest.raises(CodeUsed):
        redeem(text, team_id=team.pk, actor=acting(bob))
    assert budget_of(team.pk).granted_nano_usd == usd_to_nano("5")


@pytest.mark.parametrize("change", [str.lower, lambda text: text.replace("-", " "), "{} ".format])
def test_case_dashes_and_spaces_do_not_count(team: Team, alice: User, change: Any) -> None:
    redeem(change(made()), team_id=team.pk, actor=acting(alice))


def test_look_alikes_and_full_width_letters_are_read(team: Team, alice: User) -> None:
    text = made().translate(str.maketrans("01", "oI"))
    redeem("".join(chr(ord(each) + 0xFEE0) for each in text), team_id=team.pk, actor=acting(alice))


@pytest.mark.parametrize("typed", ["", "x", "0" * 20, "0" * 10_000, "\0", "代码"])
def test_what_is_no_code_is_unknown(team: Team, alice: User, typed: str) -> None:
    made()
    with pytest.raises(CodeUnknown):
        redeem(typed, team_id=team.pk, actor=acting(alice))
    assert not Transfer.objects.exists()


def test_an_expired_or_revoked_code_gives_nothing(team: Team, alice: User) -> None:
    expiring, revoked = made(expires_at=now() + timedelta(hours=1)), made()
    Code.objects.filter(hint=expiring[-4:]).update(expires_at=now() - timedelta(seconds=1))
    assert revoke_code(Code.objects.get(hint=revoked[-4:]), actor=acting(alice))
    with pytest.raises(CodeExpired, match="expired"):
        redeem(expiring, team_id=team.pk, actor=acting(alice))
    with pytest.raises(CodeRevoked, match="withdrawn"):
        redeem(revoked, team_id=team.pk, actor=acting(alice))
    assert not Transfer.objects.exists()
    assert not revoke_code(Code.objects.get(hint=revoked[-4:]))


def test_a_redeemed_code_is_not_revoked_and_not_made_new(team: Team, alice: User) -> None:
    text = made()
    redeem(text, team_id=team.pk, actor=acting(alice))
    code = Code.objects.get()
    assert not revoke_code(code)
    # By somebody with the database's own rights: the ledger knows that it was redeemed.
    Code.objects.update(redeemed_at=None, transfer=None)
    with pytest.raises(CodeUsed):
        redeem(text, team_id=team.pk, actor=acting(alice))
    assert Transfer.objects.count() == 1


def test_a_code_outlives_a_change_of_keys_while_the_old_one_is_kept(
    team: Team, alice: User, settings: Any
) -> None:
    first, second = made(), made()
    old = settings.LEDGER_KEYS
    settings.LEDGER_KEYS = ("k" * 40, *old)
    redeem(first, team_id=team.pk, actor=acting(alice))
    settings.LEDGER_KEYS = ("k" * 40,)
    with pytest.raises(CodeUnknown):
        redeem(second, team_id=team.pk, actor=acting(alice))


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"count": 501},
        {"amount_nano_usd": 0},
        {"amount_nano_usd": -1},
        {"amount_nano_usd": usd_to_nano("1000001")},
        {"expires_at": now() - timedelta(days=1)},
    ],
)
def test_codes_that_make_no_sense_are_not_made(db: None, wrong: dict[str, Any]) -> None:
    with pytest.raises(AmountInvalid):
        make_codes(**({"count": 1, "amount_nano_usd": 1} | wrong))
    assert not Code.objects.exists()


def test_no_code_stands_in_the_database_the_audit_log_or_a_log(team: Team, alice: User) -> None:
    with structlog.testing.capture_logs() as logs:
        new = make_codes(count=3, amount_nano_usd=1, actor=acting(alice))
        redeem(new.texts[0], team_id=team.pk, actor=acting(alice))
        with pytest.raises(CodeUsed):
            redeem(new.texts[0], team_id=team.pk, actor=acting(alice))
        revoke_code(new.rows[1], actor=acting(alice))
    told = [[str(value) for value in row] for row in Code.objects.values_list()]
    entries = AuditEntry.objects.exclude(object_kind="accounts.team", action="team_opened")
    told += [[str(value) for value in row] for row in entries.values_list()]
    everything = f"{told} {logs} {list(Transfer.objects.values_list())}"
    assert len({*new.texts}) == 3
    for text in new.texts:
        plain = text.replace("-", "")
        assert plain not in everything.replace("-", "")
        # Without the key a digest is worth nothing, even to who knows the code.
        assert hashlib.sha256(plain.encode()).hexdigest() not in everything
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert [each for each in actions if each.startswith("code_")] == [
        *["code_made"] * 3,
        "code_redeemed",
        "code_refused",
        "code_revoked",
    ]
    assert logs == [
        {
            "event": "code_refused",
            "log_level": "warning",
            "reason": "code_used",
            "team": str(team.pk),
            "person": alice.pk,
        }
    ]


def test_a_code_has_a_hundred_random_bits() -> None:
    assert len(codes.ALPHABET) == 32
    assert not set("OIL") & set(codes.ALPHABET)
    assert codes.CHARACTERS * 5 == 100


@pytest.mark.django_db(transaction=True)
def test_of_50_who_redeem_a_code_at_once_one_wins(
    team: Team, charlies_team: Team, alice: User
) -> None:
    give(team, "1")
    text = made("5")
    won: list[Transfer] = []
    lost: list[BaseException] = []
    start = threading.Barrier(RIVALS)

    def race(number: int) -> None:
        payee = (team, charlies_team)[number % 2]
        try:
            start.wait(30)
            won.append(redeem(text, team_id=payee.pk, actor=acting(alice)))
        except BaseException as error:
            lost.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=race, args=(number,)) for number in range(RIVALS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(won) == 1
    assert {type(error) for error in lost} == {CodeUsed}
    assert len(lost) == RIVALS - 1
    both = (budget_of(each.pk).granted_nano_usd for each in (team, charlies_team))
    assert sum(both) == usd_to_nano("6")
    assert Code.objects.get().transfer == won[0]


@pytest.mark.django_db(transaction=True)
def test_a_code_is_redeemed_or_revoked_never_both(team: Team, alice: User) -> None:
    texts = make_codes(count=6, amount_nano_usd=1).texts
    outcomes: list[str] = []
    refused: list[str] = []

    def take(text: str) -> None:
        try:
            redeem(text, team_id=team.pk, actor=acting(alice))
            outcomes.append("redeemed")
        except CodeRevoked:
            refused.append(text)
        finally:
            connections.close_all()

    def withdraw(text: str) -> None:
        if revoke_code(Code.objects.get(hint=text[-4:])):
            outcomes.append("revoked")
        connections.close_all()

    threads = [threading.Thread(target=act, args=(t,)) for t in texts for act in (take, withdraw)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == 6
    assert len(refused) == outcomes.count("revoked")
    assert Transfer.objects.count() == outcomes.count("redeemed")
