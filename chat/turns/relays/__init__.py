"""The relays of this installation: which models they offer, and who answers for a model."""

from chat.relay.routes import Route
from chat.turns.relays.configured import configured, installation_settings
from chat.turns.relays.directory import RelayDirectory, directory, relays_changed
from chat.turns.relays.offers import SCRIPTED_RELAY, Offer

__all__ = [
    "SCRIPTED_RELAY",
    "Offer",
    "RelayDirectory",
    "Route",
    "configured",
    "directory",
    "installation_settings",
    "relays_changed",
]
