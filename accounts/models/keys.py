"""Keys by which programs act for a person in one team."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.teams import Team


class APIKey(models.Model):
    """A key `tram_<prefix>_<secret>`, of which only the SHA-256 is kept.

    The secret is 256 random bits, so it needs no slow hash.
    """

    prefix = models.CharField(_("prefix"), max_length=16, unique=True, editable=False)
    sha256 = models.CharField(max_length=64, editable=False)
    name = models.CharField(_("name"), max_length=120)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        on_delete=models.PROTECT,
        related_name="api_keys",
    )
    team = models.ForeignKey(
        Team, verbose_name=_("team"), on_delete=models.PROTECT, related_name="api_keys"
    )
    scopes = models.JSONField(
        _("scopes"), default=list, help_text=_("What the key may do at most.")
    )
    model_names = models.JSONField(
        _("models"),
        default=list,
        db_default=[],
        blank=True,
        help_text=_("Which models the key may ask; none named: all."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        """Newest first."""

        ordering: ClassVar = ["-created_at", "-id"]
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name} (tram_{self.prefix}_…)"
