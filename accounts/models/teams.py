"""Teams and who is in them."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from accounts.roles import Role


class Teams(models.Manager["Team"]):
    """Opens teams."""

    def open_personal(self, user_id: int, name: str) -> "Team":
        """Return the person's personal team, made now if there is none yet."""
        with transaction.atomic(using=self.db):
            known = self.filter(personal=True, memberships__user_id=user_id).first()
            if known is not None:
                return known
            team = self.create(name=name[:120], personal=True)
            Membership.objects.create(team=team, user_id=user_id, role=Role.OWNER)
        return team


class Team(models.Model):
    """People who share conversations and a budget. A personal team has one person, for good."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=120)
    personal = models.BooleanField(_("personal"), default=False, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects: ClassVar[Teams] = Teams()

    class Meta:
        """Ordered by name."""

        ordering = ("name", "id")
        verbose_name = _("team")
        verbose_name_plural = _("teams")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's role in one team. Changed by `accounts.services.teams` alone."""

    team = models.ForeignKey(
        Team, verbose_name=_("team"), on_delete=models.PROTECT, related_name="memberships"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        on_delete=models.PROTECT,
        related_name="memberships",
    )
    role = models.CharField(_("role"), max_length=8, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    class Meta:
        """A person has one role in a team, and it is a known one."""

        ordering = ("id",)
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("team", "user"), name="accounts_membership_once"),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="accounts_membership_known_role"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.get_role_display()}"
