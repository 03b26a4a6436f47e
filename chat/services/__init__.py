"""Use cases that write: one verb each, synchronous, in their own transaction."""
