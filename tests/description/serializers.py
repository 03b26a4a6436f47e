"""How Schemathesis sends bodies that are neither JSON nor a form. It loads this by its name."""

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_context: object, value: object) -> bytes:
    """Send text as it is."""
    return value if isinstance(value, bytes) else str(value).encode()
