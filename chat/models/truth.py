"""What the truth meter remembers of each route between its answers."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class RouteTruth(models.Model):
    """The state of `chat.relay.truth` for one relay and model, as JSON."""

    relay = models.CharField(_("relay"), max_length=100)
    model = models.CharField(_("model"), max_length=200)
    state = models.TextField(default="{}", editable=False)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        """One row a route."""

        verbose_name = _("truth of a route")
        verbose_name_plural = _("truth of routes")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["relay", "model"], name="route_truth_once")
        ]

    def __str__(self) -> str:
        return f"{self.relay} {self.model}"
