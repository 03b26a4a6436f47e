"""The audit log: who changed whose rights, when."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditEntry(models.Model):
    """One privileged action. Triggers in the database refuse to change or delete it.

    The actor and the object are plain values, not references, so that nothing that happens to
    them later can touch the entry.
    """

    at = models.DateTimeField(_("when"), auto_now_add=True, db_index=True)
    actor_id = models.BigIntegerField(_("actor's id"), null=True)
    actor = models.CharField(
        _("actor"), max_length=150, help_text=_("Empty: a command."), blank=True
    )
    action = models.CharField(_("action"), max_length=40)
    object_kind = models.CharField(_("kind of object"), max_length=40)
    object_id = models.CharField(_("object's id"), max_length=40)
    object_name = models.CharField(_("object"), max_length=200, blank=True)
    detail = models.JSONField(_("detail"), default=dict)
    ip = models.GenericIPAddressField(_("address"), null=True, blank=True)

    class Meta:
        """Newest first."""

        ordering: ClassVar = ["-id"]
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor} {self.action} {self.object_name}"
