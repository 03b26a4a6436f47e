"""The demo relay: a real relay on loopback whose answers and faults are scripted."""

from chat.relay.demo.acts import Script
from chat.relay.demo.server import DemoRelay
from chat.relay.demo.settings import DemoSettings

__all__ = ["DemoRelay", "DemoSettings", "Script"]
