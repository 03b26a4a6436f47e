"""What there is before and after a run of turns, and what of it is a leak."""

import msgspec

MOST_GROWTH_MIB = 16.0
STREAMS = 30
"""Answers at a time: so many connections may be there, in use or kept for the next request."""


class Left(msgspec.Struct, frozen=True):
    """What there is at a moment: here, and at the relay. Descriptors are those that are no
    connection between the two."""

    tasks: int
    descriptors: int
    connections: int
    relay_streams: int
    relay_descriptors: int
    rss_mib: float


def leaked(before: Left, after: Left) -> list[str]:
    """What is there after the turns that was not there before them."""
    found = [
        f"{name}: {getattr(before, name)}, then {getattr(after, name)}"
        for name in ("tasks", "descriptors", "relay_descriptors")
        if getattr(after, name) > getattr(before, name)
    ]
    if after.relay_streams:
        found.append(f"{after.relay_streams} answers go on at the relay")
    if after.connections > STREAMS:
        found.append(f"{after.connections} connections for {STREAMS} streams at a time")
    if after.rss_mib - before.rss_mib > MOST_GROWTH_MIB:
        found.append(f"memory: {before.rss_mib} MiB, then {after.rss_mib} MiB")
    return found
