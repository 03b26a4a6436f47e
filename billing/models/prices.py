"""Prices: versions with a start, never edited."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class PriceVersion(models.Model):
    """What a model costs from `starts_at` until its next version, in nano-USD per million tokens.

    The relay's price is what the installation pays, and a team with its markup on it; the official
    one is what the model's maker asks. An image has its own price, in nano-USD.
    """

    model = models.CharField(_("model"), max_length=200)
    input_nano_usd_per_million = models.BigIntegerField(_("input"))
    output_nano_usd_per_million = models.BigIntegerField(_("output"))
    cached_input_nano_usd_per_million = models.BigIntegerField(
        _("cached input"), null=True, blank=True
    )
    # Tokens of reasoning are among those of the answer; None: they cost what these cost.
    reasoning_nano_usd_per_million = models.BigIntegerField(_("reasoning"), null=True, blank=True)
    image_nano_usd = models.BigIntegerField(_("an image"), null=True, blank=True)
    official_input_nano_usd_per_million = models.BigIntegerField(
        _("official input"), null=True, blank=True
    )
    official_output_nano_usd_per_million = models.BigIntegerField(
        _("official output"), null=True, blank=True
    )
    starts_at = models.DateTimeField(_("starts"))
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("set by"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )
    # Made at a model's first use, by the setting, because nobody had set a price.
    from_default = models.BooleanField(_("the default price"), default=False, editable=False)

    class Meta:
        """The version in force is the first one that has started."""

        ordering = ("model", "-starts_at", "-id")
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        indexes: ClassVar = [
            models.Index(fields=("model", "-starts_at", "-id"), name="billing_price_in_force")
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(input_nano_usd_per_million__gte=0, output_nano_usd_per_million__gte=0)
                & (
                    Q(cached_input_nano_usd_per_million=None)
                    | Q(cached_input_nano_usd_per_million__gte=0)
                )
                & (
                    Q(reasoning_nano_usd_per_million=None)
                    | Q(reasoning_nano_usd_per_million__gte=0)
                )
                & (Q(image_nano_usd=None) | Q(image_nano_usd__gte=0))
                & (
                    Q(
                        official_input_nano_usd_per_million=None,
                        official_output_nano_usd_per_million=None,
                    )
                    | Q(
                        official_input_nano_usd_per_million__gte=0,
                        official_output_nano_usd_per_million__gte=0,
                    )
                ),
                name="billing_price_positive",
            ),
            models.UniqueConstraint(
                fields=("model",), condition=Q(from_default=True), name="billing_price_default_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model}, {self.starts_at:%Y-%m-%d}"


class Markup(models.Model):
    """What a team pays above the relay's price, from `starts_at` on: in hundredths of a percent.

    Without a team it is everybody's who has none of their own. Never edited.
    """

    team = models.ForeignKey(
        "accounts.Team",
        verbose_name=_("team"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    basis_points = models.IntegerField(_("markup, hundredths of a percent"))
    starts_at = models.DateTimeField(_("starts"))
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("set by"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )

    class Meta:
        """The one in force is the first that has started, the team's own before everybody's."""

        ordering = ("team", "-starts_at", "-id")
        verbose_name = _("markup")
        verbose_name_plural = _("markups")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(basis_points__gte=-10_000, basis_points__lte=100_000),
                name="billing_markup_bounds",
            )
        ]

    def __str__(self) -> str:
        return f"{self.team or ''} {self.basis_points / 100:g} %".strip()
