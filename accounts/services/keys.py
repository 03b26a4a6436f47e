"""API keys: made once, shown once, kept as a hash."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.errors import KeyInvalid, KeyMadeBefore, NotAMember, ScopeTooWide, TooManyKeys
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
MAX_NAME_CHARACTERS = 120
MAX_MODELS = 500
MAX_MODEL_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: its row, and the text that is never to be seen again."""

    key: APIKey
    # Not in its repr: who logs a value by mistake logs no key.
    secret: str = field(repr=False)


def create_api_key(
    person: User,
    team: Team,
    name: str,
    *,
    scopes: Iterable[Capability] = API_KEY_CAPABILITIES,
    model_names: Iterable[str] = (),
    expires_at: datetime | None = None,
    prefix: str = "",
    actor: Actor | None = None,
) -> NewKey:
    """Make a key by which programs act for `person` in `team`, within her role and `scopes`, with
    the models named (none: all).

    The same `prefix` again, as of `new_prefix`, makes no second key: so a form that is sent twice
    makes one. Asks no policy: who may make keys is the caller's to ask.

    Raises:
        NotAMember: she is not in the team.
        ScopeTooWide: a scope is beyond what any key may carry.
        KeyInvalid: there is no name, or an end in the past, or a list of models that is none.
        TooManyKeys: she has as many as one person may have.
        KeyMadeBefore: she has a key of this prefix.
    """
    wanted, models = frozenset(scopes), sorted(set(model_names))
    if not wanted <= API_KEY_CAPABILITIES:
        raise ScopeTooWide
    _check(name, models, expires_at)
    prefix = prefix or new_prefix()
    secret = f"tram_{prefix}_{secrets.token_hex(SECRET_BYTES)}"
    if KEY_SHAPE.fullmatch(secret) is None:
        raise KeyInvalid("A key begins with ten small hexadecimal digits.")
    try:
        with transaction.atomic():
            if not Membership.objects.filter(team=team, user=person).exists():
                raise NotAMember
            if APIKey.objects.filter(prefix=prefix, user=person).exists():
                raise KeyMadeBefore
            _check_number(person)
            key = APIKey.objects.create(
                prefix=prefix,
                sha256=_digest(secret),
                name=name,
                user=person,
                team=team,
                scopes=sorted(scope.value for scope in wanted),
                model_names=models,
                expires_at=expires_at,
            )
            record(actor, "api_key_created", key, **_detail(key, person, team))
    except IntegrityError:
        # The same form was sent twice at once, and the other one was first.
        if APIKey.objects.filter(prefix=prefix).exists():
            raise KeyMadeBefore from None
        raise
    return NewKey(key, secret)


def new_prefix() -> str:
    """The part of a key that is no secret, for one that is to be made."""
    return secrets.token_hex(PREFIX_BYTES)


def _check(name: str, models: list[str], expires_at: datetime | None) -> None:
    if not name.strip() or len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise KeyInvalid(f"A key has a name of at most {MAX_NAME_CHARACTERS} characters.")
    if len(models) > MAX_MODELS or not all(
        model.strip() and len(model) <= MAX_MODEL_CHARACTERS and model.isprintable()
        for model in models
    ):
        raise KeyInvalid(f"A key names at most {MAX_MODELS} models, each as a relay offers it.")
    if expires_at is not None and expires_at <= timezone.now():
        raise KeyInvalid("A key cannot have expired before it is made. Choose a later day.")


def _check_number(person: User) -> None:
    limit = settings.LIMITS.max_api_keys_per_person
    # Locked, so that two at once do not both find room for the last one.
    list(User.objects.select_for_update(no_key=True).filter(pk=person.pk).values("pk"))
    if limit and in_force(APIKey.objects.filter(user=person)).count() >= limit:
        raise TooManyKeys(limit)


def _detail(key: APIKey, person: User, team: Team) -> dict[str, str]:
    return {
        "person": person.username,
        "team": team.name,
        "scopes": ", ".join(key.scopes),
        "models": ", ".join(key.model_names) or "all",
        "expires": "never" if key.expires_at is None else key.expires_at.isoformat(),
    }


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


def in_force(keys: QuerySet[APIKey]) -> QuerySet[APIKey]:
    """Of these keys those that are neither revoked nor expired."""
    lasting = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return keys.filter(lasting, revoked_at=None)


def touch(key: APIKey) -> None:
    """Note that `key` is in use, at most once a minute."""
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USED_STEP)
    if key.last_used_at is None or key.last_used_at < now - LAST_USED_STEP:
        APIKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
