"""The relays of this installation: which models they offer, and who answers for a model."""

from chat.turns.relays.configured import configured
from chat.turns.relays.directory import RelayDirectory, Route, directory
from chat.turns.relays.offers import SCRIPTED_RELAY, Offer

__all__ = ["SCRIPTED_RELAY", "Offer", "RelayDirectory", "Route", "configured", "directory"]
