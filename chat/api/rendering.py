"""Answers as JSON."""

from typing import Any

import msgspec
from django.http import HttpRequest
from ninja.renderers import BaseRenderer


class PlainValueRenderer(BaseRenderer):
    """Writes msgspec structs, dataclasses and plain values; ids and moments as text."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:  # noqa: ARG002
        """Return the body."""
        return msgspec.json.encode(data, enc_hook=str)
