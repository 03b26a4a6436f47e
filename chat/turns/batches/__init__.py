"""Working batches off: each process that runs turns takes some, and asks their lines a few at a
time."""

from chat.turns.batches.runner import BatchRunner

__all__ = ["BatchRunner"]
