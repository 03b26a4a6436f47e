"""Processes that run turns: their leases, and turns handed from one to another."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from chat.models.turn import Turn


class Node(models.Model):
    """One process of the site. While it beats it holds a lease on the turns that name it.

    Times are the database's: no clock of a machine decides who is alive. A process that ends in
    order deletes its row.
    """

    class Role(models.TextChoices):
        """What a process does of the site's work."""

        ALL = "all", _("pages and turns")
        WEB = "web", _("pages")
        RUNNER = "runner", _("turns")

    name = models.CharField(_("process"), primary_key=True, max_length=64)
    role = models.CharField(_("role"), max_length=6, choices=Role.choices, default=Role.ALL)
    # Takes no new turns any more.
    draining = models.BooleanField(_("draining"), default=False)
    running_turns = models.PositiveIntegerField(_("running turns"), default=0)
    started_at = models.DateTimeField(_("started"))
    beat_at = models.DateTimeField(_("last beat"))

    class Meta:
        """Few rows: one for each process."""

        verbose_name = _("process")
        verbose_name_plural = _("processes")

    def __str__(self) -> str:
        return self.name


class Handover(models.Model):
    """A stored turn that a process without a runner gives to one that has it; taken once."""

    turn = models.OneToOneField(
        Turn, primary_key=True, on_delete=models.CASCADE, related_name="handover"
    )
    # The process it is meant for.
    node = models.CharField(max_length=64, db_index=True)
    # The admitted turn as JSON (chat.services.intents.Admitted).
    admitted = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Rows live for milliseconds."""

        indexes: ClassVar = []

    def __str__(self) -> str:
        return f"{self.turn_id} to {self.node}"
