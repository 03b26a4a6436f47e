"""People who sign in."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models, transaction
from django.db.models.base import ModelBase
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models.teams import Team
from accounts.signals import RightsChange, announce

KEPT_BY_SAVE = frozenset({"id", "auth_version"})


class Theme(models.TextChoices):
    """Which colours the person wants."""

    SYSTEM = "system", _("As the system")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class People(UserManager["User"]):
    """Makes people, each with a personal team, whichever door they come through."""

    # Migrations need no people, and so name no manager.
    use_in_migrations = False

    def create_user(
        self,
        username: str,
        email: str | None = None,
        password: str | None = None,
        **extra: Any,
    ) -> "User":
        """Create an ordinary person and her personal team."""
        with transaction.atomic(using=self.db):
            user = super().create_user(username, email, password, **extra)
            Team.objects.open_personal(user.pk, user.display_name)
        return user

    def create_superuser(
        self,
        username: str,
        email: str | None = None,
        password: str | None = None,
        **extra: Any,
    ) -> "User":
        """Create an administrator and her personal team."""
        with transaction.atomic(using=self.db):
            user = super().create_superuser(username, email, password, **extra)
            Team.objects.open_personal(user.pk, user.display_name)
        return user


class User(AbstractUser):
    """A person. Disabled by `is_active`, never deleted: the ledger goes on naming her."""

    language = models.CharField(
        _("language"),
        max_length=16,
        blank=True,
        help_text=_("Language code such as vi; empty: as the browser asks."),
    )
    theme = models.CharField(_("theme"), max_length=8, choices=Theme.choices, default=Theme.SYSTEM)
    auth_version = models.PositiveIntegerField(
        _("rights version"),
        default=1,
        editable=False,
        help_text=_(
            "Rises whenever rights shrink; older proofs of identity are then looked at again."
        ),
    )

    objects: ClassVar[People] = People()

    class Meta(AbstractUser.Meta):
        """Names and e-mail addresses that differ only in case are the same."""

        verbose_name = _("person")  # type: ignore[assignment]
        verbose_name_plural = _("people")  # type: ignore[assignment]
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("username"), name="accounts_user_username_any_case"),
            models.UniqueConstraint(
                Lower("email"), condition=~models.Q(email=""), name="accounts_user_email_any_case"
            ),
        ]

    def save(
        self,
        *,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Store the person. A renewed password makes everything opened with the old one stale."""
        stored = not self._state.adding and not force_insert
        renewed = stored and getattr(self, "_password", None) is not None
        if stored and update_fields is None:
            # A copy read earlier must never turn the rights version back.
            update_fields = [f.name for f in self._meta.local_fields if f.name not in KEPT_BY_SAVE]
        with transaction.atomic(using=using):
            super().save(
                force_insert=force_insert,
                force_update=force_update,
                using=using,
                update_fields=update_fields,
            )
            if renewed:
                User.objects.filter(pk=self.pk).update(auth_version=models.F("auth_version") + 1)
                announce(RightsChange(self.pk, "password_changed"))

    @property
    def display_name(self) -> str:
        """The full name, or the user name where there is none."""
        return self.get_full_name() or self.username
