"""Redemption codes: made once, shown once, kept as a keyed digest, redeemed at most once.

A code is 20 characters of an alphabet without look-alikes: 100 random bits, so that nobody finds
one by guessing or by trying digests, even with the key.
"""

import hashlib
import hmac
import secrets
import unicodedata
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.timezone import now
from django.views.decorators.debug import sensitive_variables

from accounts.models import Team
from accounts.services.audit import Actor, record
from billing.budgets import check_grant, grant_credit
from billing.chain import keys
from billing.errors import (
    AmountInvalid,
    CodeExpired,
    CodeRefused,
    CodeRevoked,
    CodeUnknown,
    CodeUsed,
)
from billing.models import Code, Transfer
from billing.money import format_usd

log = structlog.get_logger(__name__)

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CHARACTERS = 20
GROUP = 5
HINT_CHARACTERS = 4
MAX_CODES = 500
"""So many are made at once."""
MAX_TYPED_CHARACTERS = 100
MAX_NOTE_CHARACTERS = 200
_LOOK_ALIKES = str.maketrans("OIL", "011")
_PURPOSE = b"tram redemption code:"


class NewCodes(NamedTuple):
    """Codes just made: their rows, and the texts that are never to be seen again."""

    rows: list[Code]
    texts: list[str]


@sensitive_variables()
def make_codes(
    *,
    count: int,
    amount_nano_usd: int,
    note: str = "",
    expires_at: datetime | None = None,
    actor: Actor | None = None,
) -> NewCodes:
    """Make `count` codes that are worth `amount_nano_usd` each, until `expires_at`.

    Raises AmountInvalid for a count beyond 1 to 500, for an amount that is not above zero or more
    than is granted at once, and for an end that is past.
    """
    if not 1 <= count <= MAX_CODES:
        raise AmountInvalid("From 1 to %(count)s codes are made at once.", count=str(MAX_CODES))
    if amount_nano_usd <= 0:
        raise AmountInvalid("A code is worth more than zero.")
    check_grant(amount_nano_usd)
    if expires_at is not None and expires_at <= now():
        raise AmountInvalid("A code cannot expire before it is made.")
    texts = ["".join(secrets.choice(ALPHABET) for _ in range(CHARACTERS)) for _ in range(count)]
    key = keys()[0]
    with transaction.atomic():
        rows = [
            Code.objects.create(
                digest=_digest(text, key),
                hint=text[-HINT_CHARACTERS:],
                amount_nano_usd=amount_nano_usd,
                note=note[:MAX_NOTE_CHARACTERS],
                expires_at=expires_at,
                created_by_id=actor.user_id if actor else None,
            )
            for text in texts
        ]
        for row in rows:
            record(actor, "code_made", row, amount=format_usd(amount_nano_usd))
    return NewCodes(rows, [_grouped(text) for text in texts])


@sensitive_variables("text", "digests")
def redeem(text: str, *, team_id: UUID, actor: Actor) -> Transfer:
    """Give a team the credit of a code, in the name of `actor`; returns the grant.

    The caller has asked the policy whether she may, and bounds how often she may try. Case, dashes
    and spaces do not count. A code is redeemed once whoever is first. Raises CodeUnknown, CodeUsed,
    CodeExpired, CodeRevoked.
    """
    digests = [_digest(_plain(text), key) for key in keys()]
    try:
        with transaction.atomic():
            return _redeem(digests, team_id, actor)
    except CodeRefused as refusal:
        log.warning("code_refused", reason=refusal.code, team=str(team_id), person=actor.user_id)
        record(actor, "code_refused", Team.objects.get(pk=team_id), reason=refusal.code)
        raise


def revoke_code(code: Code, *, actor: Actor | None = None) -> bool:
    """Make a code worthless; false if it was redeemed or revoked before."""
    with transaction.atomic():
        open_codes = Code.objects.filter(pk=code.pk, redeemed_at=None, revoked_at=None)
        if not open_codes.update(revoked_at=Now()):
            return False
        record(actor, "code_revoked", code)
    return True


def _redeem(digests: list[str], team_id: UUID, actor: Actor) -> Transfer:
    # Rivals for the same code wait here, before any budget: nothing that holds a budget asks for a
    # code.
    code = Code.objects.select_for_update().filter(digest__in=digests).first()
    if code is None:
        raise CodeUnknown
    _refuse(code)
    key = f"code:{code.pk}"
    if Transfer.objects.filter(idempotency_key=f"grant:{key}").exists():
        # Somebody with the database's own rights made it look new; the ledger knows better.
        raise CodeUsed
    told = f"Code {code}: {code.note}" if code.note else f"Code {code}"
    transfer = grant_credit(
        team_id=team_id,
        amount_nano_usd=code.amount_nano_usd,
        person_id=actor.user_id,
        note=told[:MAX_NOTE_CHARACTERS],
        idempotency_key=key,
    )
    redeemed = (
        Code.objects.filter(pk=code.pk, redeemed_at=None, revoked_at=None)
        .filter(Q(expires_at=None) | Q(expires_at__gt=Now()))
        .update(redeemed_at=Now(), redeemed_by_id=actor.user_id, transfer=transfer)
    )
    if not redeemed:
        # The database decides, not what was read; the grant is rolled back.
        _refuse(Code.objects.get(pk=code.pk))
        raise CodeExpired
    amount = format_usd(code.amount_nano_usd)
    record(actor, "code_redeemed", code, team=str(transfer.team), amount=amount)
    return transfer


def _refuse(code: Code) -> None:
    if code.redeemed_at is not None:
        raise CodeUsed
    if code.revoked_at is not None:
        raise CodeRevoked
    if code.expires_at is not None and code.expires_at <= now():
        raise CodeExpired


def _plain(typed: str) -> str:
    """What was typed without case, dashes, spaces and look-alikes; full-width forms made plain."""
    if len(typed) > MAX_TYPED_CHARACTERS:
        return ""
    text = unicodedata.normalize("NFKC", typed).upper()
    return "".join(each for each in text if each.isalnum()).translate(_LOOK_ALIKES)


def _grouped(text: str) -> str:
    return "-".join(text[at : at + GROUP] for at in range(0, CHARACTERS, GROUP))


def _digest(text: str, key: bytes) -> str:
    return hmac.new(key, _PURPOSE + text.encode(), hashlib.sha256).hexdigest()
