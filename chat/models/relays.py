"""Relays, their keys and models, as administrators keep them."""

from typing import TYPE_CHECKING, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Promise

SMALLEST_SECONDS = 0.01
LONGEST_SECONDS = 86_400.0


class Transport(models.TextChoices):
    """How answers travel from a relay."""

    AUTO = "auto", _("WebSocket first, else SSE")
    WEBSOCKET = "websocket", _("WebSocket only")
    SSE = "sse", _("SSE only")


def _seconds(name: "Promise") -> "models.FloatField[float | None, float | None]":
    """A timeout; empty means: as the installation's settings say."""
    return models.FloatField(
        name,
        null=True,
        blank=True,
        validators=[MinValueValidator(SMALLEST_SECONDS), MaxValueValidator(LONGEST_SECONDS)],
    )


def _limit(name: "Promise") -> "models.PositiveIntegerField[int | None, int | None]":
    """A limit of each key; empty means: as the installation's settings say, 0 means none."""
    return models.PositiveIntegerField(name, null=True, blank=True)


class Relay(models.Model):
    """A relay that turns may go to. The relays of the environment are not stored here."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    base_url = models.CharField(_("address"), max_length=500)
    # Empty: the address above with the scheme of WebSocket.
    ws_url = models.CharField(_("WebSocket address"), max_length=500, blank=True)
    transport = models.CharField(
        _("transport"), max_length=9, choices=Transport.choices, default=Transport.AUTO
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    # Smaller comes first; the relays of the environment have 0.
    priority = models.SmallIntegerField(_("priority"), default=10)
    weight = models.PositiveSmallIntegerField(
        _("weight"), default=1, validators=[MinValueValidator(1)]
    )
    # Patterns such as gpt-*, one a line; empty: all that the relay offers.
    models_allowed = models.TextField(_("models allowed"), blank=True)
    resumes = models.BooleanField(_("goes on with broken answers by itself"), default=False)
    connect_timeout_seconds = _seconds(_("connect timeout (s)"))
    first_byte_timeout_seconds = _seconds(_("first byte timeout (s)"))
    idle_timeout_seconds = _seconds(_("idle timeout (s)"))
    turn_timeout_seconds = _seconds(_("turn timeout (s)"))
    max_retries = models.PositiveSmallIntegerField(
        _("tries"), null=True, blank=True, validators=[MaxValueValidator(20)]
    )
    requests_per_minute = _limit(_("requests per minute and key"))
    tokens_per_minute = _limit(_("tokens per minute and key"))
    concurrent_streams = _limit(_("answers at a time and key"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        """In the order in which they are tried."""

        verbose_name = _("relay")
        verbose_name_plural = _("relays")
        ordering: ClassVar = ["priority", "name"]

    def __str__(self) -> str:
        return self.name


class RelayKey(models.Model):
    """A key of a relay: sealed, and never shown again but for its last four characters."""

    relay = models.ForeignKey(
        Relay, verbose_name=_("relay"), on_delete=models.CASCADE, related_name="keys"
    )
    label = models.CharField(_("label"), max_length=100)
    sealed = models.TextField(editable=False)
    # Names the secret that sealed it, so that a rotation knows what is left to do.
    secret_id = models.CharField(_("sealed with"), max_length=16, editable=False)
    last_four = models.CharField(_("ends with"), max_length=4, editable=False)
    enabled = models.BooleanField(_("enabled"), default=True)
    weight = models.PositiveSmallIntegerField(
        _("weight"), default=1, validators=[MinValueValidator(1)]
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        """A label names one key of a relay."""

        verbose_name = _("relay key")
        verbose_name_plural = _("relay keys")
        ordering: ClassVar = ["relay", "label"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["relay", "label"], name="relay_key_label_once")
        ]

    def __str__(self) -> str:
        return f"{self.label} …{self.last_four}"


class ModelAlias(models.Model):
    """Another name for a model. A name that a relay lists itself is never rewritten."""

    alias = models.CharField(_("alias"), max_length=200, unique=True)
    model = models.CharField(_("model"), max_length=200)

    class Meta:
        """By name."""

        verbose_name = _("model alias")
        verbose_name_plural = _("model aliases")
        ordering: ClassVar = ["alias"]

    def __str__(self) -> str:
        return f"{self.alias} → {self.model}"

    def clean(self) -> None:
        """Refuse chains and loops: an alias leads to a model, never to another alias."""
        others = ModelAlias.objects.exclude(pk=self.pk)
        if self.alias == self.model:
            raise ValidationError({"model": _("An alias cannot stand for itself.")})
        if others.filter(alias=self.model).exists():
            raise ValidationError({"model": _("This is an alias itself. Name the model.")})
        if others.filter(model=self.alias).exists():
            raise ValidationError({"alias": _("Another alias stands for this name.")})


class ModelVisibility(models.TextChoices):
    """Who gets to choose a model."""

    SHOWN = "shown", _("Shown")
    HIDDEN = "hidden", _("Hidden: not offered, goes on where it is in use")
    FORBIDDEN = "forbidden", _("Forbidden: refused everywhere")


class ModelSetting(models.Model):
    """What administrators say of a model; where they say nothing, the relay's own word holds."""

    model = models.CharField(_("model"), max_length=200, unique=True)
    name = models.CharField(_("name for people"), max_length=200, blank=True)
    visibility = models.CharField(
        _("visibility"),
        max_length=9,
        choices=ModelVisibility.choices,
        default=ModelVisibility.SHOWN,
    )
    vision = models.BooleanField(_("sees pictures"), null=True, blank=True)
    reasoning = models.BooleanField(_("reasons before it answers"), null=True, blank=True)
    context_tokens = models.PositiveIntegerField(_("context (tokens)"), null=True, blank=True)

    class Meta:
        """By name."""

        verbose_name = _("model")
        verbose_name_plural = _("models")
        ordering: ClassVar = ["model"]

    def __str__(self) -> str:
        return self.model
