"""The keyed chain of a team's transfers: each row's mac covers the row and the mac before it.

Whoever changes the database without the key cannot make the chain fit again.
"""

import hashlib
import hmac
import json
from datetime import UTC, datetime

from django.conf import settings

from billing.models import Transfer

MAC_HEX_DIGITS = 64


def sign(transfer: Transfer, previous_mac: str) -> None:
    """Set `mac` and `key_id` of a transfer that is otherwise complete, with the newest key."""
    key = keys()[0]
    transfer.key_id = id_of(key)
    transfer.mac = mac_of(transfer, previous_mac, key)


def mac_of(transfer: Transfer, previous_mac: str, key: bytes) -> str:
    """HMAC-SHA256 over the mac before it and every fact of the row but its own id, as hex."""
    facts = [
        previous_mac,
        str(transfer.team_id),
        transfer.number,
        transfer.kind,
        transfer.debit_id,
        transfer.debit_entry,
        transfer.credit_id,
        transfer.credit_entry,
        transfer.amount_nano_usd,
        transfer.pending_id,
        transfer.subject,
        transfer.person_id,
        transfer.overrun,
        transfer.note,
        transfer.idempotency_key,
        moment_text(transfer.created_at),
    ]
    text = json.dumps(facts, ensure_ascii=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def moment_text(moment: datetime) -> str:
    """A moment as both databases keep it, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def keys() -> tuple[bytes, ...]:
    """The keys of LEDGER_KEYS: the first signs, the others still verify."""
    return tuple(key.encode() for key in settings.LEDGER_KEYS)


def keys_by_id() -> dict[str, bytes]:
    """The same, by what `id_of` makes of each."""
    return {id_of(key): key for key in keys()}


def id_of(key: bytes) -> str:
    """Eight hex digits that name a key without telling it."""
    return hashlib.sha256(b"tram ledger key id:" + key).hexdigest()[:8]
