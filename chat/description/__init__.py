"""All HTTP doors for programs in one OpenAPI description, made from the code that answers."""

from chat.description.document import describe, described, encoded

__all__ = ["describe", "described", "encoded"]
