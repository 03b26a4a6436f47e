"""People: the first visitor, making, disabling, and what follows a changed password."""

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext

from accounts.errors import LastAdministrator
from accounts.models import Installation, Team, User
from accounts.services.audit import Actor, record
from accounts.services.rights import shrink
from accounts.services.teams import open_team, refuse_orphaned_teams


def is_empty() -> bool:
    """Return whether nobody has an account on this installation."""
    return not User.objects.exists()


def signup_is_open() -> bool:
    """Return whether a stranger may sign up: by the setting, or as the very first visitor."""
    return bool(getattr(settings, "SIGNUP_OPEN", True)) or is_empty()


def claim_installation(username: str) -> bool:
    """Return whether `username`, not stored yet, is the first person. True once ever.

    Runs inside the transaction that goes on to store the person. The single row decides a race:
    whoever comes second waits for the first to commit and then finds the row.
    """
    _, claimed = Installation.objects.get_or_create(id=1, defaults={"claimed_by": username})
    return claimed and is_empty()


@transaction.atomic
def welcome(person: User, *, first: bool) -> None:
    """Give a person just stored her personal team; the first one owns the installation too."""
    Team.objects.open_personal(person.pk, person.display_name)
    record(Actor(person.pk, person.username), "signed_up", person)
    if first:
        person.is_staff = person.is_superuser = True
        person.save(update_fields=["is_staff", "is_superuser"])
        open_team(gettext("Team"), person, actor=Actor(person.pk, person.username))


@transaction.atomic
def create_person(
    username: str, password: str | None, *, email: str = "", actor: Actor | None = None
) -> User:
    """Create an ordinary person with a personal team. Password None: she cannot sign in yet.

    Whoever creates her vouches for the address: it counts as confirmed.
    """
    person = User.objects.create_user(username, email, password)
    if person.email:
        EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    record(actor, "person_created", person)
    return person


@transaction.atomic
def set_standing(
    person: User,
    *,
    is_active: bool,
    is_staff: bool,
    is_superuser: bool,
    actor: Actor | None = None,
) -> None:
    """Enable or disable `person`, make her staff or administrator, or no longer.

    Raises:
        LastOwner: she is disabled and a shared team would have no active owner.
        LastAdministrator: nobody active would administer the installation.
    """
    # Locked before looking, so that two administrators cannot disable each other at once.
    administrators = {
        row.pk for row in User.objects.select_for_update().filter(is_active=True, is_superuser=True)
    }
    stored = User.objects.select_for_update().get(pk=person.pk)
    old = (stored.is_active, stored.is_staff, stored.is_superuser)
    new = (is_active, is_staff, is_superuser)
    if old == new:
        return
    if administrators == {person.pk} and not (is_active and is_superuser):
        raise LastAdministrator
    if stored.is_active and not is_active:
        refuse_orphaned_teams(stored)
    User.objects.filter(pk=person.pk).update(
        is_active=is_active, is_staff=is_staff, is_superuser=is_superuser
    )
    person.is_active, person.is_staff, person.is_superuser = new
    names = ("active", "staff", "administrator")
    changed = {n: str(b).lower() for n, a, b in zip(names, old, new, strict=True) if a != b}
    record(actor, "standing_changed", person, **changed)
    shrink(person.pk, "standing_changed")
    person.refresh_from_db(fields=["auth_version"])


def disable_person(person: User, *, actor: Actor | None = None) -> None:
    """Shut `person` out at once, everywhere. Raises as `set_standing`."""
    set_standing(
        person,
        is_active=False,
        is_staff=person.is_staff,
        is_superuser=person.is_superuser,
        actor=actor,
    )
