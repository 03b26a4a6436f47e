"""People who sign in."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


class Theme(models.TextChoices):
    """Which colours the person wants."""

    SYSTEM = "system", _("As the system")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


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

    class Meta(AbstractUser.Meta):
        """Names and e-mail addresses that differ only in case are the same."""

        constraints: ClassVar = [
            models.UniqueConstraint(Lower("username"), name="accounts_user_username_any_case"),
            models.UniqueConstraint(
                Lower("email"), condition=~models.Q(email=""), name="accounts_user_email_any_case"
            ),
        ]

    @property
    def display_name(self) -> str:
        """The full name, or the user name where there is none."""
        return self.get_full_name() or self.username
