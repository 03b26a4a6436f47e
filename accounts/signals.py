"""Announcements of accounts: whose rights changed, after the change is committed."""

from dataclasses import dataclass
from typing import Literal

from django.db import transaction
from django.dispatch import Signal

Reason = Literal[
    "member_added",
    "role_changed",
    "member_removed",
    "standing_changed",
    "password_changed",
    "signed_out",
    "api_key_revoked",
]


@dataclass(frozen=True, slots=True)
class RightsChange:
    """Whose rights changed; connections that hold the old ones look again, or close.

    `credential`: only connections opened with this session key or API key id are meant, and it has
    ended; empty means all of the person's.
    """

    user_id: int
    reason: Reason
    credential: str = ""


rights_changed = Signal()
"""Sent with `sender=RightsChange` and `change: RightsChange`, in the thread that committed.

Receivers must be quick and must not raise: a failing one is logged and hinders nobody.
"""


def announce(change: RightsChange) -> None:
    """Send `rights_changed` once the surrounding transaction has committed (at once without)."""
    transaction.on_commit(lambda: rights_changed.send_robust(sender=RightsChange, change=change))
