"""What the relays offer."""

from dataclasses import dataclass

SCRIPTED_RELAY = "demo"
"""Name of the demo relay among the embedded ones: its models are marked as scripted."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that a relay offers."""

    model: str
    name: str
    relay_name: str
    scripted: bool
