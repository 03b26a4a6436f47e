"""The turn engine: runs turns, journals them, fans them out, interrupts and ends them.

Knows nothing of Channels, ASGI or HTTP: doors attach viewers and call its verbs.
"""
