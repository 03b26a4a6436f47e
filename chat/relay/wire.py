"""Server-sent events, from bytes to payloads, whatever way the network cut the bytes.

Works on bytes because text would be wrong: str.splitlines() breaks JSON at U+2028, U+2029,
U+0085, VT and FF, and a read may end inside a UTF-8 character. bytes.splitlines() breaks at LF,
CRLF and CR only, which is the rule of the WHATWG HTML standard, section "Server-sent events".
"""

from __future__ import annotations

from chat.relay.errors import RelayProtocol

_BOM = b"\xef\xbb\xbf"
_LF, _CR = 10, 13
_BLANK_LINES = frozenset((b"\n", b"\r\n", b"\r"))
_SILENT_FIELDS = (b":", b"event", b"id", b"retry", b"data")


class EventParser:
    """Cuts one answer's bytes into the payloads of its events (`data:` without the field name).

    A payload keeps its white space; JSON does not mind. `failure` is set when the bytes cannot be
    an event stream: raise it after using the payloads returned so far, so that what is delivered
    does not depend on where the network cut.
    """

    def __init__(self, max_line_bytes: int) -> None:
        """`max_line_bytes` bounds one line and also the data lines of one event together."""
        self.failure: RelayProtocol | None = None
        self.foreign_lines = 0
        self._max_line_bytes = max_line_bytes
        self._tail = bytearray()  # a line that has not ended
        self._pending: bytes | bytearray = b""  # data of an event that has not ended
        self._skip_lf = False  # the last read ended in CR: a following LF belongs to it
        self._at_start = True

    def feed(self, data: bytes) -> list[bytes | bytearray]:
        """Return the payloads completed by these bytes."""
        if self._skip_lf and data:
            self._skip_lf = False
            if data[0] == _LF:
                data = data[1:]
        if not data or self.failure:
            return []
        lines = data.splitlines(keepends=True)
        last_byte = data[-1]
        if self._tail:
            self._tail += lines[0]
            if len(lines) == 1 and last_byte != _LF and last_byte != _CR:
                self._bound(self._tail)
                return []
            lines[0] = bytes(self._tail)
            self._tail = bytearray()
        if last_byte == _CR:
            self._skip_lf = True
        elif last_byte != _LF:
            self._tail += lines.pop()
        payloads = self._take(lines)
        self._bound(self._tail)
        return payloads

    def close(self) -> list[bytes | bytearray]:
        """Return what a clean end of the bytes completes: the last newlines may be missing."""
        lines = [bytes(self._tail), b"\n"] if self._tail else [b"\n"]
        self._tail = bytearray()
        return [] if self.failure else self._take(lines)

    def _take(self, lines: list[bytes]) -> list[bytes | bytearray]:
        payloads: list[bytes | bytearray] = []
        if self._at_start and lines:
            self._at_start = False
            lines[0] = lines[0].removeprefix(_BOM)
        pending = self._pending
        max_line_bytes = self._max_line_bytes
        for line in lines:
            if len(line) > max_line_bytes and not self._bound(line.rstrip(b"\r\n")):
                break
            if line.startswith(b"data:"):
                pending = self._extend(pending, line[5:], payloads) if pending else line[5:]
            elif line in _BLANK_LINES:
                if pending:
                    payloads.append(pending)
                    pending = b""
            elif not line.startswith(_SILENT_FIELDS):
                self._take_foreign(line, payloads)
            if self.failure:
                break
        self._pending = pending
        return payloads

    def _extend(
        self, pending: bytes | bytearray, more: bytes, payloads: list[bytes | bytearray]
    ) -> bytes | bytearray:
        """Add a further data line to an event.

        Some relays leave out the blank line between events. No JSON text holds `}` followed by
        `{` or `[` with only white space between, and a JSON string holds no newline, so such a
        pair of lines is two events.
        """
        if pending[-8:].rstrip().endswith(b"}") and more[:8].lstrip().startswith((b"{", b"[")):
            payloads.append(pending)
            return more
        # A bytearray grows in place: adding to bytes would take time with the square of the lines.
        joined = pending if isinstance(pending, bytearray) else bytearray(pending)
        joined += more
        self._bound(joined)
        return joined

    def _take_foreign(self, line: bytes, payloads: list[bytes | bytearray]) -> None:
        """A line that is no field: a bare JSON object counts as a payload, HTML ends it."""
        text = line.strip()
        if text.startswith(b"{"):
            payloads.append(text)
            return
        self.foreign_lines += bool(text)
        if text.startswith(b"<"):
            self.failure = RelayProtocol("The relay sent a web page instead of an answer.")

    def _bound(self, line: bytes | bytearray) -> bool:
        if len(line) <= self._max_line_bytes:
            return True
        self.failure = RelayProtocol(
            f"The relay sent a line of more than {self._max_line_bytes} bytes."
        )
        return False
