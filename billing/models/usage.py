"""Totals of usage by day in a zone: a cache of the settlements that `rebuildusage` makes anew."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class UsageSums(models.Model):
    """What a person used of a model over a route for a team on one day of `zone`, in nano-USD.

    It has the settlements up to the zone's `UsageFold`; the newer ones are read as they stand.
    A row of nobody has the corrections that belong to no turn.
    """

    zone = models.CharField(max_length=64)
    day = models.DateField(_("day"))
    team = models.ForeignKey(
        "accounts.Team", verbose_name=_("team"), on_delete=models.PROTECT, related_name="+"
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    model = models.CharField(_("model"), max_length=200)
    route = models.CharField(_("relay"), max_length=100, default="")
    turns = models.BigIntegerField(default=0)
    failures = models.BigIntegerField(default=0)
    tokens_in = models.BigIntegerField(default=0)
    tokens_out = models.BigIntegerField(default=0)
    tokens_cached = models.BigIntegerField(default=0)
    tokens_of_reasoning = models.BigIntegerField(default=0)
    # With corrections, which count on the day they were booked; `corrected` is their part.
    cost_nano_usd = models.BigIntegerField(default=0)
    corrected_nano_usd = models.BigIntegerField(default=0)
    relay_cost_nano_usd = models.BigIntegerField(default=0)
    # Both of the turns whose model has an official price.
    official_nano_usd = models.BigIntegerField(default=0)
    paid_where_official_nano_usd = models.BigIntegerField(default=0)

    class Meta:
        """Not a table of its own."""

        abstract = True

    def __str__(self) -> str:
        return f"{self.day} {self.zone} {self.model}"


class UsageTotal(UsageSums):
    """The sums of all conversations together: few rows, for all that does not ask for one."""

    class Meta:
        """One row each; found by zone and day, of everybody, of a team and of a person."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("zone", "day", "team", "person", "model", "route"),
                name="billing_usagetotal_once",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=("zone", "team", "day"), name="billing_usagetotal_of_team"),
            models.Index(fields=("zone", "person", "day"), name="billing_usagetotal_of_person"),
        ]


class ConversationTotal(UsageSums):
    """The same sums apart by conversation, of which billing knows the id alone."""

    conversation_id = models.UUIDField(null=True)

    class Meta:
        """As the totals above."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("zone", "day", "team", "person", "model", "route", "conversation_id"),
                name="billing_conversationtotal_once",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=("zone", "team", "day"), name="billing_talktotal_of_team"),
            models.Index(fields=("zone", "person", "day"), name="billing_talktotal_of_person"),
        ]


class UsageFold(models.Model):
    """How far a zone's totals reach: through these ids, and no further."""

    zone = models.CharField(max_length=64, primary_key=True)
    settlement_id = models.BigIntegerField(default=0)
    transfer_id = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.zone
