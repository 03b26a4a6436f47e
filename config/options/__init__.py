"""Every setting of Tram, by what it governs; `docs/settings.md` is this package as tables."""

from config.options.batches import Batches
from config.options.limits import Limits
from config.options.money import Money
from config.options.nodes import Nodes
from config.options.relay import Relay
from config.options.site import BASE_DIR, Accounts, Site
from config.options.sockets import Sockets
from config.options.stored_relays import StoredRelays
from config.options.turns import Turns

GROUPS = (Site, Accounts, Turns, Batches, Nodes, Sockets, Relay, StoredRelays, Limits, Money)

__all__ = [
    "BASE_DIR",
    "GROUPS",
    "Accounts",
    "Batches",
    "Limits",
    "Money",
    "Nodes",
    "Relay",
    "Site",
    "Sockets",
    "StoredRelays",
    "Turns",
]
