"""Writing to the ledger: the only module that inserts transfers and moves account counters.

Lock order, everywhere: budgets first (by rank, then id), accounts after them, then insert. So the
ids of one team's transfers rise in the order in which their transactions commit, and two writers
never wait for each other in a circle.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from billing import chain
from billing.dialects import in_each, moment_of, uuid_value
from billing.models import Account, AccountKind, Hold, Transfer, TransferKind
from billing.money import MAX_NANO_USD, checked

_MOVE = in_each("""
UPDATE billing_account SET
    debits_pending_nano_usd = debits_pending_nano_usd
        + CASE WHEN id = %(debit)s THEN CAST(%(pending)s AS bigint) ELSE 0 END,
    debits_posted_nano_usd = debits_posted_nano_usd
        + CASE WHEN id = %(debit)s THEN CAST(%(posted)s AS bigint) ELSE 0 END,
    credits_pending_nano_usd = credits_pending_nano_usd
        + CASE WHEN id = %(credit)s THEN CAST(%(pending)s AS bigint) ELSE 0 END,
    credits_posted_nano_usd = credits_posted_nano_usd
        + CASE WHEN id = %(credit)s THEN CAST(%(posted)s AS bigint) ELSE 0 END,
    entries = entries + %(entries)s
WHERE id IN (%(debit)s, %(credit)s)
RETURNING id, entries, {now}
""")

_BEFORE = """
SELECT number, mac, debit_id, debit_entry, credit_id, credit_entry FROM billing_transfer
WHERE team_id = %s AND number BETWEEN %s AND %s ORDER BY number DESC LIMIT 1
"""


@dataclass(frozen=True)
class TeamAccounts:
    """The ids of a team's two accounts."""

    wallet_id: int
    spending_id: int


@dataclass(frozen=True)
class _Before:
    """The transfer that the next ones of a team follow, and its places in its two accounts."""

    number: int
    mac: str
    entries: dict[int, int]


def accounts_of(team_id: UUID) -> TeamAccounts:
    """The accounts of a team, opened when they are not there."""
    found = dict(Account.objects.filter(team_id=team_id).values_list("kind", "id"))
    for kind in (AccountKind.WALLET, AccountKind.SPENDING):
        if kind not in found:
            found[kind] = Account.objects.get_or_create(kind=kind, team_id=team_id)[0].id
    return TeamAccounts(found[AccountKind.WALLET], found[AccountKind.SPENDING])


def post_credit(
    *, team_id: UUID, amount_nano_usd: int, person_id: int | None, key: str, note: str
) -> Transfer:
    """Move credit from the funding account to a wallet, or back where the amount is negative.

    The caller has locked the team's budget and changes its `granted`.
    """
    wallet_id = accounts_of(team_id).wallet_id
    funding_id = Account.objects.get_or_create(kind=AccountKind.FUNDING, team=None)[0].id
    granting = amount_nano_usd >= 0
    debit_id, credit_id = (funding_id, wallet_id) if granting else (wallet_id, funding_id)
    amount = abs(checked(amount_nano_usd))
    transfer = Transfer(
        kind=TransferKind.GRANT if granting else TransferKind.ADJUSTMENT,
        team_id=team_id,
        debit_id=debit_id,
        credit_id=credit_id,
        amount_nano_usd=amount,
        person_id=person_id,
        note=note,
        idempotency_key=key,
    )
    _post([transfer], wallet_id, posted_nano_usd=amount)
    return transfer


def post_hold(*, team_id: UUID, person_id: int, subject: str, amount_nano_usd: int) -> Transfer:
    """Reserve an amount of the wallet for the subject. The caller has taken it from the budgets."""
    accounts = accounts_of(team_id)
    transfer = Transfer(
        kind=TransferKind.HOLD,
        team_id=team_id,
        debit_id=accounts.wallet_id,
        credit_id=accounts.spending_id,
        amount_nano_usd=amount_nano_usd,
        subject=subject,
        person_id=person_id,
        idempotency_key=f"hold:{subject}",
    )
    _post([transfer], accounts.wallet_id, pending_nano_usd=amount_nano_usd)
    return transfer


def post_settlement(hold: Hold, cost_nano_usd: int) -> datetime:
    """Capture the cost, if any, and release what is left of the hold. Returns the moment of both.

    A cost beyond the hold is captured in full, flagged, and leaves 0 to release: hiding it would
    make the books differ from the relay's bill.
    """
    pending = hold.transfer
    captured = min(cost_nano_usd, pending.amount_nano_usd)
    transfers = [_settling(hold, TransferKind.RELEASE, pending.amount_nano_usd - captured)]
    if cost_nano_usd:
        overrun = cost_nano_usd > captured
        capture = _settling(hold, TransferKind.CAPTURE, cost_nano_usd, overrun=overrun)
        transfers = [capture, *transfers]
    _post(
        transfers,
        pending.debit_id,
        pending_nano_usd=-pending.amount_nano_usd,
        posted_nano_usd=cost_nano_usd,
    )
    return transfers[0].created_at


def post_correction(
    hold: Hold, amount_nano_usd: int, *, key: str, note: str, overrun: bool = False
) -> Transfer:
    """Charge a settled turn more, or less where the amount is negative.

    The caller has locked the budgets of the hold and changes their `posted`.
    """
    wallet_id, spending_id = hold.transfer.debit_id, hold.transfer.credit_id
    more = checked(amount_nano_usd) > 0
    transfer = Transfer(
        kind=TransferKind.CORRECTION,
        team_id=hold.team_id,
        debit_id=wallet_id if more else spending_id,
        credit_id=spending_id if more else wallet_id,
        amount_nano_usd=abs(amount_nano_usd),
        subject=hold.subject,
        person_id=hold.person_id,
        overrun=overrun,
        note=note,
        idempotency_key=key,
    )
    _post([transfer], wallet_id, posted_nano_usd=transfer.amount_nano_usd)
    return transfer


def _settling(
    hold: Hold, kind: TransferKind, amount_nano_usd: int, overrun: bool = False
) -> Transfer:
    return Transfer(
        kind=kind,
        team_id=hold.team_id,
        debit_id=hold.transfer.debit_id,
        credit_id=hold.transfer.credit_id,
        amount_nano_usd=amount_nano_usd,
        pending_id=hold.transfer_id,
        subject=hold.subject,
        person_id=hold.person_id,
        overrun=overrun,
        idempotency_key=f"{kind}:{hold.subject}",
    )


def _post(
    transfers: list[Transfer],
    wallet_id: int,
    *,
    pending_nano_usd: int = 0,
    posted_nano_usd: int = 0,
) -> None:
    """Move the counters of both accounts, number the transfers, chain them and store them.

    All are of one team and between the same two accounts, of which one is the team's wallet: each
    of its transfers passes through that, so the wallet's entries number the team's chain.
    """
    first = transfers[0]
    places, now = _move(
        first.debit_id, first.credit_id, len(transfers), pending_nano_usd, posted_nano_usd
    )
    own = {first.debit_id, first.credit_id}
    if first.kind in (TransferKind.GRANT, TransferKind.ADJUSTMENT):
        # The other account is of all teams: another one's transfer may have been its last.
        own = {wallet_id}
    before = _before(first.team_id, places[wallet_id] - len(transfers), len(transfers))
    places |= {id: entry + len(transfers) for id, entry in before.entries.items() if id in own}
    for back, transfer in enumerate(reversed(transfers)):
        transfer.number = before.number + len(transfers) - back
        transfer.debit_entry = places[transfer.debit_id] - back
        transfer.credit_entry = places[transfer.credit_id] - back
        transfer.created_at = now
    mac = before.mac
    for transfer in transfers:
        chain.sign(transfer, mac)
        mac = transfer.mac
        transfer.save(force_insert=True)


def _before(team_id: UUID, counted: int, more: int) -> _Before:
    """The team's transfer that the next ones follow: the one that its wallet counted.

    Where somebody lowered that count, rows stand where the next ones would be: then the team's last
    one. The count stays as it is, for `verifyledger` to tell; but turns can be held and settled.
    """
    counted = max(counted, 0)
    found = _newest(team_id, counted, counted + more)
    if found is not None and found.number > counted:
        found = _newest(team_id, counted, MAX_NANO_USD)
    # None: its first, or the rows before it were cut off, and the gap tells so.
    return found or _Before(counted, "", {})


def _newest(team_id: UUID, first: int, last: int) -> _Before | None:
    # A statement of its own: another one's snapshot may be older than its locks.
    with connection.cursor() as cursor:
        cursor.execute(_BEFORE, [uuid_value(team_id), first, last])
        row = cursor.fetchone()
    if row is None:
        return None
    number, mac, debit_id, debit_entry, credit_id, credit_entry = row
    return _Before(number, mac, {debit_id: debit_entry, credit_id: credit_entry})


def _move(
    debit_id: int, credit_id: int, entries: int, pending_nano_usd: int, posted_nano_usd: int
) -> tuple[dict[int, int], datetime]:
    """Move the counters of both accounts in one statement.

    Returns how many entries each of them has now, and the database's time.
    """
    values = {
        "debit": debit_id,
        "credit": credit_id,
        "entries": entries,
        "pending": pending_nano_usd,
        "posted": posted_nano_usd,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MOVE[connection.vendor], values)
        rows = cursor.fetchall()
    return {id: count for id, count, _ in rows}, moment_of(rows[0][2])
