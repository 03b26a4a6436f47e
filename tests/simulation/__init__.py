"""The deterministic simulation: several real engines in one virtual time, over seams that fail."""
