"""Error bodies in the shape and the words that relays use."""

from typing import Any


def error_body(message: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    """Make ``{"error": {"message", "type"}}``."""
    return {"error": {"message": message, "type": kind}}


NO_KEY = error_body("Invalid authentication")
BAD_KEY = error_body("Invalid API key provided")
NO_SUCH_PATH = error_body("Unknown request URL")
WRONG_METHOD = error_body("Method not allowed")
WEBSOCKET_FORBIDDEN = error_body("WebSocket is not enabled for this key")
WEBSOCKET_AT_CAPACITY = error_body("WebSocket rejected: Server is at capacity", "overloaded_error")
STILL_STREAMING = error_body("An answer is still streaming on this connection")


def model_not_found(model: str) -> dict[str, Any]:
    """Say that a model is unknown."""
    return error_body(f"Model '{model}' not found")
