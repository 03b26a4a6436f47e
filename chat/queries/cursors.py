"""Opaque cursors of lists that are ordered by a moment and an id."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID


class CursorInvalid(ValueError):
    """This cursor was not given out here. Start from the first page."""

    code = "bad_frame"

    def __init__(self) -> None:
        super().__init__(type(self).__doc__)


class Cursor(NamedTuple):
    """The last row of a page."""

    at: datetime
    id: UUID

    def encode(self) -> str:
        """Return the cursor as text that fits in an address."""
        return urlsafe_b64encode(f"{self.at.isoformat()} {self.id.hex}".encode()).decode()

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Read a cursor again, or raise `CursorInvalid`."""
        try:
            at, _, row = urlsafe_b64decode(text.encode()).decode().partition(" ")
            moment, id_ = datetime.fromisoformat(at), UUID(row)
            if moment.tzinfo is None:
                raise CursorInvalid
            # The first and the last day of all have no moment in UTC for every zone.
            return cls(moment.astimezone(UTC), id_)
        except (ValueError, OverflowError):
            raise CursorInvalid from None
