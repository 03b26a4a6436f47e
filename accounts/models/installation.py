"""Whether the installation has been claimed."""

from django.db import models


class Installation(models.Model):
    """One row at most, with id 1, written by the first sign-up: the database decides the race."""

    claimed_at = models.DateTimeField(auto_now_add=True)
    claimed_by = models.CharField(max_length=150)

    class Meta:
        """There is one installation in a database."""

        constraints = (
            models.CheckConstraint(condition=models.Q(id=1), name="accounts_installation_single"),
        )

    def __str__(self) -> str:
        return f"claimed by {self.claimed_by}"
