"""The journal: every chunk of a running turn, stored before it is shown to anybody."""

from typing import ClassVar

from django.db import models


class JournalChunk(models.Model):
    """Written by raw SQL (chat.turns.journal); pruned once the turn's text is stored whole."""

    turn_id = models.UUIDField()
    epoch = models.PositiveIntegerField()
    seq = models.PositiveIntegerField()
    # UTF-16 code units of content before this chunk, as a browser counts them.
    offset = models.PositiveIntegerField()
    content = models.TextField(blank=True)
    reasoning = models.TextField(blank=True)
    # What is no text, as JSON; empty: nothing.
    extras = models.TextField(blank=True, default="", db_default="")

    class Meta:
        """A chunk is journaled once in an epoch."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["turn_id", "epoch", "seq"], name="journal_chunk_once")
        ]

    def __str__(self) -> str:
        return f"{self.turn_id} {self.epoch}.{self.seq}"
