"""The limits of the relays' keys: who may go through, who waits, and in which order."""

from chat.turns.limits.gate import LimitedGate
from chat.turns.limits.gates import close_gates, gate_for

__all__ = ["LimitedGate", "close_gates", "gate_for"]
