"""API keys: made once, shown once, kept as a hash."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.errors import NotAMember, ScopeTooWide
from accounts.models import APIKey, Membership, Team, User
from accounts.roles import API_KEY_CAPABILITIES, Capability
from accounts.services.audit import Actor, record
from accounts.signals import RightsChange, announce

SECRET_BYTES = 32
PREFIX_BYTES = 5
KEY_SHAPE = re.compile(
    rf"tram_(?P<prefix>[0-9a-f]{{{2 * PREFIX_BYTES}}})_[0-9a-f]{{{2 * SECRET_BYTES}}}"
)
LAST_USED_STEP = timedelta(minutes=1)


class NewKey(NamedTuple):
    """A key just made: its row, and the text that is never to be seen again."""

    key: APIKey
    secret: str


@transaction.atomic
def create_api_key(
    person: User,
    team: Team,
    name: str,
    *,
    scopes: Iterable[Capability] = API_KEY_CAPABILITIES,
    expires_at: datetime | None = None,
    actor: Actor | None = None,
) -> NewKey:
    """Make a key by which programs act for `person` in `team`, within her role and `scopes`.

    Raises:
        NotAMember: she is not in the team.
        ScopeTooWide: a scope is beyond what any key may carry.
    """
    wanted = frozenset(scopes)
    if not wanted <= API_KEY_CAPABILITIES:
        raise ScopeTooWide
    if not Membership.objects.filter(team=team, user=person).exists():
        raise NotAMember
    prefix = secrets.token_hex(PREFIX_BYTES)
    secret = f"tram_{prefix}_{secrets.token_hex(SECRET_BYTES)}"
    key = APIKey.objects.create(
        prefix=prefix,
        sha256=_digest(secret),
        name=name,
        user=person,
        team=team,
        scopes=sorted(scope.value for scope in wanted),
        expires_at=expires_at,
    )
    record(actor, "api_key_created", key, person=person.username, team=team.name)
    return NewKey(key, secret)


@transaction.atomic
def revoke_api_key(key: APIKey, *, actor: Actor | None = None) -> None:
    """Make `key` worthless for good; a second time changes nothing."""
    now = timezone.now()
    if not APIKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        return
    key.revoked_at = now
    record(actor, "api_key_revoked", key)
    announce(RightsChange(key.user_id, "api_key_revoked", credential=str(key.pk)))


def find_api_key(secret: str) -> APIKey | None:
    """Return the usable key whose full text is `secret`, with its person; None for any other."""
    shape = KEY_SHAPE.fullmatch(secret)
    if shape is None:
        return None
    key = APIKey.objects.select_related("user").filter(prefix=shape["prefix"]).first()
    # Compared also where the prefix is unknown, so that both refusals take the same time.
    matches = secrets.compare_digest(key.sha256 if key else _digest(""), _digest(secret))
    return key if key is not None and matches and is_usable(key) else None


def is_usable(key: APIKey) -> bool:
    """Return whether `key` is neither revoked nor expired and its person is active."""
    expired = key.expires_at is not None and key.expires_at <= timezone.now()
    return key.revoked_at is None and not expired and key.user.is_active


def touch(key: APIKey) -> None:
    """Note that `key` is in use, at most once a minute."""
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USED_STEP)
    if key.last_used_at is None or key.last_used_at < now - LAST_USED_STEP:
        APIKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
